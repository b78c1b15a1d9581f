"""`stagedoor serve`: the API, with the engine inside."""

import gc
import os
from pathlib import Path
from typing import Annotated

import typer

from stagedoor.bootstrap import open_server, synchronous_mode
from stagedoor.cli.options import DatabaseOption, DataOption, KeyServiceOption, fail
from stagedoor.gate.address import EgressSettings
from stagedoor.gate.key_service import key_service
from stagedoor.gate.leak_keys import leak_key_urls
from stagedoor.gate.stores import CacheLimits
from stagedoor.kit.errors import StagedoorError
from stagedoor.settings import Settings, address, master_key_text, new_master_key_text


def serve(
    *,
    data: DataOption,
    database: DatabaseOption = None,
    listen: Annotated[str, typer.Option(envvar="STAGEDOOR_LISTEN", help="HOST:PORT")] = "127.0.0.1:8080",
    public_url: Annotated[str | None, typer.Option(envvar="STAGEDOOR_PUBLIC_URL", help="The address that clients use.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(envvar="STAGEDOOR_TLS_CERT")] = None,
    tls_key: Annotated[Path | None, typer.Option(envvar="STAGEDOOR_TLS_KEY")] = None,
    key_service_url: KeyServiceOption = None,
    trusted_proxies: Annotated[str, typer.Option(envvar="STAGEDOOR_TRUSTED_PROXIES", help="CIDRs, by comma.")] = "",
) -> None:
    """Serve the Orkes API at /api, with the engine inside."""
    try:
        egress = EgressSettings.from_environment(os.environ)
        settings = Settings(
            data=data, database=database, listen=listen, public_url=public_url, tls_cert=tls_cert, tls_key=tls_key,
            trusted_proxies=tuple(filter(None, trusted_proxies.split(","))), master_key=master_key_text(),
            new_master_key=new_master_key_text(), key_service=key_service(key_service_url),
            synchronous=synchronous_mode(), egress=egress, leak_keys=leak_key_urls(os.environ, egress),
            store_cache=CacheLimits.from_environment(os.environ),
        )  # fmt: skip
        address(listen)
        _run(settings)
    except StagedoorError as problem:
        fail(problem)


def _run(settings: Settings) -> None:
    import uvloop  # here, as the API: no other command waits for its import

    uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    from stagedoor.api.app import make_app
    from stagedoor.api.server import run

    async with open_server(settings) as server:
        app = make_app(server)
        gc.freeze()  # what lives as long as the server is looked through by no collection again, nor at the end
        await run(app, settings)
