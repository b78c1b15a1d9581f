"""Tags: kept as they were sent (contract/orkes.md 0.12), and the bodies that DELETE has."""

import pytest

from tests.api.authorization.world import World
from tests.api.orkes.wire import javascript, python, say
from tests.support.server import LiveServer


@pytest.fixture(params=["application", "secret"])
def path(request: pytest.FixtureRequest, sqlite_server: LiveServer) -> str:
    world = World.on(sqlite_server)
    kind = {"application": "applications", "secret": "secrets"}[request.param]
    path = f"/api/{kind}/{getattr(world, request.param)}/tags"
    world.admin.call("DELETE", path, [{"key": "team", "value": "a"}])
    return path


def test_a_type_is_left_out_where_it_was_not_sent_and_told_as_it_was(path: str, sqlite_server: LiveServer) -> None:
    """Java compares tags for equality, Python reads the rate limit back as a number."""
    admin = sqlite_server.admin()
    assert admin.call("GET", path) == []
    sent = [{"key": "a", "value": "1"}, {"key": "b", "value": "2", "type": "METADATA"}, {"key": "c", "value": 10, "type": "RATE_LIMIT"}]
    answer = admin.raw("PUT", path, sent)
    assert (answer.status_code, answer.content) == (200, b"")
    assert admin.call("GET", path) == sent


def test_a_put_replaces_by_key_and_adds(path: str, sqlite_server: LiveServer) -> None:
    admin = sqlite_server.admin()
    admin.call("PUT", path, [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}])
    admin.call("PUT", path, [{"key": "b", "value": "3", "type": "METADATA"}])
    assert admin.call("GET", path) == [{"key": "a", "value": "1"}, {"key": "b", "value": "3", "type": "METADATA"}]


def test_a_delete_with_a_body_takes_those_tags_away(path: str, sqlite_server: LiveServer, admin_token: str) -> None:
    admin = sqlite_server.admin()
    admin.call("PUT", path, [{"key": key, "value": "1"} for key in "abc"])
    assert say(sqlite_server, javascript("DELETE", path, admin_token, b'[{"key":"a","value":"1"}]')).status == 200
    assert say(sqlite_server, python("DELETE", path, admin_token, b'[{"key": "c", "value": "1"}]')).status == 200
    assert admin.call("GET", path) == [{"key": "b", "value": "1"}]


def test_tags_stand_in_the_lists(sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    tags = [{"key": "team", "value": "a"}]
    assert world.owner.call("GET", "/api/secrets-v2") == [] == world.owner.call("GET", "/api/applications")
    assert world.owner.call("GET", f"/api/secrets/{world.secret}/tags") == tags
    assert world.owner.call("GET", "/api/secrets-v2") == [{"name": world.secret, "tags": tags}]
    assert world.application and [one["tags"] for one in world.owner.call("GET", "/api/applications")] == [tags]


def test_a_thing_made_anew_has_no_tags(sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    world.owner.call("DELETE", f"/api/secrets/{world.secret}")
    world.owner.put_secret(world.secret, "another")
    assert world.owner.call("GET", f"/api/secrets/{world.secret}/tags") == []


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    ("tags", "field"),
    [
        ([{"key": "", "value": "1"}], "key"), ([{"key": "a\n", "value": "1"}], "key"), ([{"key": "a", "value": "b\u0007"}], "value"),
        ([{"key": "a\u2028", "value": "1"}], "key"), ([{"value": "1"}], "[0]"), ([{"key": "a", "value": {}}], "[0].value"), ({}, ""),
    ],
)  # fmt: skip
def test_a_tag_that_is_none_is_refused_by_field(tags: object, field: str, path: str, sqlite_server: LiveServer) -> None:
    answer = sqlite_server.admin().raw("PUT", path, tags)
    assert answer.status_code == 400
    assert (answer.json().get("validationErrors") or [{"path": ""}])[0]["path"].endswith(field)
