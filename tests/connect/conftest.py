"""A real Chromium and a real OpenID provider, for the tests that are marked `slow`."""

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import httpx
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Playwright

from tests.support.server import LiveServer, free_port, live_server

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
Browse = Callable[..., AbstractContextManager["BrowserContext"]]


def missing(what: str) -> NoReturn:
    if os.environ.get("STAGEDOOR_REQUIRE_BROWSER"):
        pytest.fail(f"{what} is missing, and STAGEDOOR_REQUIRE_BROWSER is set", pytrace=False)
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="module")
def playwright() -> Iterator["Playwright"]:
    """Its event loop counts as running in this thread until it is closed: no longer than one file."""
    from playwright.sync_api import sync_playwright  # the quick tests do without

    if not Path(CHROMIUM).exists():
        missing("Chromium (Debian's package chromium)")
    with sync_playwright() as made:
        yield made


@pytest.fixture
def browse(playwright: "Playwright", tmp_path: Path) -> Browse:
    """A browser of somebody who was never here before: `with browse(java_script_enabled=False) as context`."""

    @contextlib.contextmanager
    def opened(**options: bool) -> Iterator["BrowserContext"]:
        folder = tmp_path / "browser"
        shutil.rmtree(folder, ignore_errors=True)
        context = playwright.chromium.launch_persistent_context(str(folder), executable_path=CHROMIUM, args=list(FLAGS), **options)  # type: ignore[arg-type]
        context.set_default_timeout(15_000)
        try:
            yield context
        finally:
            context.close()

    return opened


@pytest.fixture(scope="session")
def near_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose operator lets it reach this machine."""
    with live_server(tmp_path_factory.mktemp("near"), STAGEDOOR_EGRESS_ALLOW="127.0.0.1") as server:
        yield server


OPENID = "openid"
"""The slug of the integration whose address the provider knows."""
CLIENT = {"client_id": "the shop", "client_secret": "the shop's own secret: + and / and %"}


@pytest.fixture(scope="session")
def provider(near_server: LiveServer) -> Iterator[str]:
    """The address of an OpenID provider that knows `CLIENT`."""
    home = os.environ.get("STAGEDOOR_OIDC_PROVIDER") or str(ROOT / ".venvs" / "oidc-provider")
    if not (Path(home) / "node_modules").is_dir() or not shutil.which("node"):
        missing("the OpenID provider (`make .venvs/oidc-provider/.ready`)")
    port, client = free_port(), {**CLIENT, "redirect_uris": [f"{near_server.url}/connect/callback/default/{OPENID}"]}
    command = ["node", str(Path(__file__).parent / "provider" / "provider.mjs"), str(port), json.dumps(client)]
    environment, nowhere = {**os.environ, "STAGEDOOR_OIDC_PROVIDER": home}, subprocess.DEVNULL
    process = subprocess.Popen(command, env=environment, stdout=nowhere, stderr=nowhere)
    try:
        deadline = time.monotonic() + 20
        while not _answers(f"http://127.0.0.1:{port}"):
            assert process.poll() is None and time.monotonic() < deadline, "the OpenID provider did not start"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{url}/.well-known/openid-configuration", timeout=2).status_code == 200
    return False
