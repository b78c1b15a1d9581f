"""The corpus of real definitions (STAGEDOOR_CORPUS), and servers whose post office is a stand-in under its real host name."""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support import postgres
from tests.support.echo import Local, Received, Reply, answering, authority
from tests.support.server import Api, LiveServer, live_server

HOST = "production.shippingapis.com"
USER = "739STAGE&D00R~4207"
"""What the post office knows us by. The `&` would end a query's parameter; it stands in XML in a URL, and arrives as it is."""


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The corpus's folder. Without one: skip, or fail where it is required."""
    folder = os.environ.get("STAGEDOOR_CORPUS")
    if folder is None or not Path(folder, "definitions").is_dir():
        why = "the corpus was not given (STAGEDOOR_CORPUS)" if folder is None else f"{folder} is not the corpus"
        if os.environ.get("STAGEDOOR_REQUIRE_CORPUS"):
            pytest.fail(why)
        pytest.skip(why)
    return Path(folder)


@dataclass
class Office:
    """A server, the post office it reaches under the name of the real one, and what that answers next."""

    server: LiveServer
    stand_in: Local
    api: Api
    reply: list[Reply] = field(default_factory=list)

    def answers(self, answer: dict[str, Any]) -> None:
        self.reply[:] = [Reply(answer["status"], tuple(answer["headers"].items()), answer["body"].encode())]
        self.stand_in.received.clear()


@contextlib.contextmanager
def open_office(folder: Path, database: str | None = None) -> Iterator[Office]:
    ca, tls = authority(folder, HOST)
    replies: list[Reply] = []

    def answer(request: Received) -> Reply:
        return replies[0]

    with answering(answer, tls) as stand_in:
        reached = {"STAGEDOOR_EGRESS_RESOLVE": f"{HOST}=127.0.0.1:{stand_in.port}", "STAGEDOOR_EGRESS_CA": str(ca)}
        with live_server(folder, database, **reached) as server:
            yield Office(server, stand_in, server.admin(), replies)


@pytest.fixture(scope="session")
def sqlite_office(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with open_office(tmp_path_factory.mktemp("office")) as office:
        yield office


@pytest.fixture(scope="session")
def postgres_office(corpus: Path, postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with postgres.database(postgres_server) as url, open_office(tmp_path_factory.mktemp("office"), url) as office:
        yield office


def cases(name: str) -> list[dict[str, Any]]:
    """The cases of `expected/<name>.json`; none where there is no corpus."""
    path = Path(os.environ.get("STAGEDOOR_CORPUS", "/nonexistent"), "expected", f"{name}.json")
    found: list[dict[str, Any]] = json.loads(path.read_bytes())["cases"] if path.exists() else []
    return found
