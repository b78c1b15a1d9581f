"""A real OpenBao with a mount and a token of its own for each test, and a live server that may reach it."""

from collections.abc import Iterator

import pytest

from tests.gate.doors.stage import Listener, Stage
from tests.gate.stores.shelf import Shelf
from tests.support.openbao import OpenBao
from tests.support.server import LiveServer, live_server

CACHE_SECONDS = 3


@pytest.fixture(scope="session")
def stores_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """What it fetched it uses for three seconds."""
    environment = {"STAGEDOOR_EGRESS_ALLOW": "127.0.0.1", "STAGEDOOR_STORE_CACHE_SECONDS": str(CACHE_SECONDS)}
    with live_server(tmp_path_factory.mktemp("stores"), **environment) as server:
        yield server


@pytest.fixture
def stage(stores_server: LiveServer, listener: Listener) -> Stage:
    return Stage(stores_server, listener, stores_server.admin())


@pytest.fixture
def shelf(stage: Stage, openbao: OpenBao) -> Shelf:
    """The stage's secret lives in OpenBao."""
    return Shelf.of(stage, openbao)
