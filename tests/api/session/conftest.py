"""One session for all tests here that leave it as it is."""

import pytest

from tests.api.session.browser import Browser, signed_in
from tests.support.server import LiveServer


@pytest.fixture(scope="package")
def browser(sqlite_server: LiveServer) -> Browser:
    return signed_in(sqlite_server)
