"""One live server for all tests of the doors; it may connect to this machine, where a listener stands."""

from collections.abc import Iterator

import pytest

from tests.gate.doors.stage import Listener, Stage
from tests.support.server import LiveServer, live_server


@pytest.fixture(scope="session")
def doors_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with live_server(tmp_path_factory.mktemp("doors"), STAGEDOOR_EGRESS_ALLOW="127.0.0.1") as server:
        yield server


@pytest.fixture
def stage(doors_server: LiveServer, listener: Listener) -> Stage:
    return Stage(doors_server, listener, doors_server.admin())
