"""Settings: options of the command line, each also a `STAGEDOOR_*` environment variable. Errors name the variable."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from stagedoor.gate.address import EgressSettings
from stagedoor.gate.key_service import KeyService
from stagedoor.gate.leak_keys import GITHUB
from stagedoor.gate.stores import CacheLimits
from stagedoor.kit.errors import BadInput

MASTER_KEY_FILE = "master.key"
DATABASE_FILE = "stagedoor.db"


@dataclass(frozen=True)
class Settings:
    """Where things are. `database` None = SQLite in `data`; a PostgreSQL URL otherwise. `master_key` None = the file in `data`."""

    data: Path
    database: str | None = None
    listen: str = "127.0.0.1:8080"
    public_url: str | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    trusted_proxies: tuple[str, ...] = ()
    master_key: str | None = None
    new_master_key: str | None = None
    """The one to come, while a rotation brings it in."""
    key_service: KeyService | None = None
    synchronous: Literal["FULL", "NORMAL"] = "FULL"
    script_processes: int = 2
    egress: EgressSettings = field(default_factory=EgressSettings)
    store_cache: CacheLimits = field(default_factory=CacheLimits)
    leak_keys: tuple[str, ...] = (GITHUB,)
    """Where the public keys are of those who may report leaks."""

    @property
    def issuer(self) -> str:
        """The `iss` of access tokens."""
        return self.public_url or "stagedoor"

    def __repr__(self) -> str:
        return f"Settings(data={self.data}, listen={self.listen})"


def address(listen: str) -> tuple[str, int]:
    """`host:port`; an IPv6 host stands in brackets."""
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise BadInput(f"listen: {listen} is not HOST:PORT", "listen")
    return host.strip("[]"), int(port)


def master_key_text(environ: Mapping[str, str] = os.environ) -> str | None:
    return environ.get("STAGEDOOR_MASTER_KEY")


def new_master_key_text(environ: Mapping[str, str] = os.environ) -> str | None:
    return environ.get("STAGEDOOR_NEW_MASTER_KEY")
