"""Story 4, and what the SDKs really send for a secret."""

import pytest

from tests.support.server import LiveServer


def test_it_works(server: LiveServer) -> None:
    api = server.admin()
    assert api.call("GET", "/api/secrets/pinetree/exists") is False
    api.call("PUT", "/api/secrets/pinetree", b"needles", headers={"Content-Type": "application/json"})
    assert api.call("GET", "/api/secrets/pinetree/exists") is True
    answer = api.raw("GET", "/api/secrets/pinetree")
    assert (answer.content, answer.headers["content-type"]) == (b"needles", "text/plain; charset=utf-8")
