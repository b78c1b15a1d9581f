"""Whoever shows a secret key of the project `default` of the session's server."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.server import LiveServer
from tests.v1.shop import Shop


@pytest.fixture(scope="session")
def shop(sqlite_server: LiveServer) -> Iterator[Shop]:
    with httpx.Client(base_url=sqlite_server.url, timeout=30) as http:
        yield Shop(sqlite_server, sqlite_server.admin(), http)
