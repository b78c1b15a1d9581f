"""The traps of contract/orkes.md 0, tried as an administrator on one live server."""

import pytest

from tests.support.server import Api, LiveServer


@pytest.fixture(scope="session")
def admin_token(sqlite_server: LiveServer) -> str:
    return sqlite_server.token(sqlite_server.first["keyId"], sqlite_server.first["keySecret"])


@pytest.fixture(scope="session")
def admin(sqlite_server: LiveServer, admin_token: str) -> Api:
    return sqlite_server.api(admin_token)
