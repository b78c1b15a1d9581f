"""The whole server in this process, so that a test can take a part of it away; it may connect to this machine."""

from collections.abc import Iterator

import pytest

from tests.gate.doors.stage import Listener, Stage
from tests.gate.uses.persons import Persons
from tests.support.thread import ThreadServer, thread_server


@pytest.fixture(scope="package")
def uses_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    with thread_server(tmp_path_factory.mktemp("uses"), STAGEDOOR_EGRESS_ALLOW="127.0.0.1") as server:
        yield server


@pytest.fixture
def stage(uses_server: ThreadServer, listener: Listener) -> Stage:
    return Stage(uses_server, listener, uses_server.admin())


@pytest.fixture
def persons(stage: Stage) -> Persons:
    return Persons(stage)
