"""A live server that may connect to this machine, and a stage on it, for what a reviewer found."""

from collections.abc import Iterator

import pytest

from tests.gate.doors.stage import Listener, Stage
from tests.support import postgres
from tests.support.server import LiveServer, live_server


@pytest.fixture(scope="package")
def egress_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with live_server(tmp_path_factory.mktemp("review"), STAGEDOOR_EGRESS_ALLOW="127.0.0.1") as server:
        yield server


@pytest.fixture
def stage(egress_server: LiveServer, listener: Listener) -> Stage:
    return Stage(egress_server, listener, egress_server.admin())


@pytest.fixture(scope="module")
def postgres_node(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server on PostgreSQL, where transactions really run at once."""
    with postgres.database(postgres_server) as url, live_server(tmp_path_factory.mktemp("races"), url) as server:
        yield server
