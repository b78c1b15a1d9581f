"""Tags over all resources (contract/orkes.md A Tags; 0.12): `/metadata/tags*` and `/metadata/{task|workflow}/{name}/tags`."""

from typing import Any

import pytest

from tests.api.authorization.world import World, new
from tests.api.orkes.people import assert_missing, assert_refused, authorization, grant
from tests.api.orkes.wire import javascript, python, say
from tests.support.server import LiveServer

KINDS = {"workflow": "WORKFLOW_DEF", "task": "TASK_DEF"}


@pytest.fixture
def world(sqlite_server: LiveServer) -> World:
    return World.on(sqlite_server)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def named(world: World, kind: str) -> str:
    return world.workflow if kind == "workflow" else world.taskdef


def path_of(world: World, kind: str) -> str:
    return f"/api/metadata/{kind}/{named(world, kind)}/tags"


def by_key(tags: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(tags, key=lambda tag: str(tag["key"]))


# ---- of one task or workflow
def test_it_works(world: World, kind: str) -> None:
    path = path_of(world, kind)
    assert world.admin.call("GET", path) == []
    assert world.admin.raw("POST", path, {"key": "b", "value": "1"}).status_code == 200
    assert world.admin.raw("POST", path, {"key": "a", "value": "2", "type": "METADATA"}).status_code == 200
    assert by_key(world.admin.call("GET", path)) == [{"key": "a", "value": "2", "type": "METADATA"}, {"key": "b", "value": "1"}]
    assert world.admin.raw("DELETE", path, {"key": "b", "value": "1"}).status_code == 200
    assert world.admin.call("GET", path) == [{"key": "a", "value": "2", "type": "METADATA"}]


def test_a_post_of_the_same_tag_is_once(world: World, kind: str) -> None:
    for _ in range(2):
        world.admin.call("POST", path_of(world, kind), {"key": "a", "value": "1"})
    assert world.admin.call("GET", path_of(world, kind)) == [{"key": "a", "value": "1"}]


def test_a_put_replaces_them_all(world: World, kind: str) -> None:
    """Unlike the PUT of an application's or a secret's tags, which adds."""
    path = path_of(world, kind)
    world.admin.call("PUT", path, [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}])
    world.admin.call("PUT", path, [{"key": "b", "value": "3"}])
    assert world.admin.call("GET", path) == [{"key": "b", "value": "3"}]
    world.admin.call("PUT", path, [])
    assert world.admin.call("GET", path) == []


def test_a_type_is_kept_as_it_was_sent_and_a_rate_limit_stays_a_number(world: World, kind: str) -> None:
    path = path_of(world, kind)
    sent = [{"key": "a", "value": "1"}, {"key": "b", "value": "2", "type": "METADATA"}, {"key": "c", "value": 10, "type": "RATE_LIMIT"}]
    world.admin.call("PUT", path, sent)
    assert by_key(world.admin.call("GET", path)) == sent
    world.admin.call("DELETE", path, {"key": "c", "value": 10, "type": "RATE_LIMIT"})
    assert by_key(world.admin.call("GET", path)) == sent[:2]


def test_as_the_sdks_send_it(world: World, kind: str, admin_token: str) -> None:
    """A DELETE with one tag as its body; Python sends the type of every tag, JavaScript what it was given."""
    path, server = path_of(world, kind), world.server
    assert say(server, javascript("POST", path, admin_token, b'{"key":"a","value":"1"}')).status == 200
    assert say(server, python("POST", path, admin_token, b'{"key": "b", "type": "METADATA", "value": "2"}')).status == 200
    assert say(server, python("POST", path, admin_token, b'{"key": "c", "type": "RATE_LIMIT", "value": 5}')).status == 200
    assert len(say(server, python("GET", path, admin_token)).json) == 3
    assert say(server, javascript("DELETE", path, admin_token, b'{"key":"a","value":"1"}')).status == 200
    assert say(server, python("DELETE", path, admin_token, b'{"key": "c", "type": "RATE_LIMIT", "value": 5}')).status == 200
    assert say(server, python("GET", path, admin_token)).json == [{"key": "b", "value": "2", "type": "METADATA"}]
    assert say(server, javascript("PUT", path, admin_token, b'[{"key":"d","value":"4"}]')).status == 200
    assert say(server, python("GET", path, admin_token)).json == [{"key": "d", "value": "4"}]


def test_what_is_missing_is_404_with_its_name_in_the_message(world: World, kind: str) -> None:
    name, tag = new("missing"), {"key": "a", "value": "1"}
    for method, body in (("GET", None), ("POST", tag), ("PUT", [tag]), ("DELETE", tag)):
        assert_missing(world.admin.raw(method, f"/api/metadata/{kind}/{name}/tags", body), name)


def test_reading_needs_read_and_changing_needs_update(world: World, kind: str) -> None:
    path, tag = path_of(world, kind), {"key": "a", "value": "1"}
    target = f"{KINDS[kind]} {named(world, kind)}"
    for method, body, access in (("GET", None, "READ"), ("POST", tag, "UPDATE"), ("PUT", [tag], "UPDATE"), ("DELETE", tag, "UPDATE")):
        answer = world.stranger.raw(method, path, body)
        assert (answer.status_code, f"{access} on {target}" in answer.json()["message"]) == (403, True), answer.text
    world.owner.call("POST", path, tag)
    assert world.owner.call("GET", path) == [tag]


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    ("tag", "field"),
    [
        ({"key": "", "value": "1"}, "key"), ({"key": "a\n", "value": "1"}, "key"), ({"key": "a", "value": {}}, "value"),
        ({"key": 1, "value": "1"}, "key"),
    ],
)  # fmt: skip
def test_a_tag_that_is_none_is_refused_by_field(tag: dict[str, Any], field: str, world: World, kind: str) -> None:
    assert_refused(world.admin.raw("POST", path_of(world, kind), tag), field)
    assert world.admin.call("GET", path_of(world, kind)) == []


def test_tags_go_with_what_carried_them(world: World) -> None:
    path = path_of(world, "task")
    world.owner.call("POST", path, {"key": "a", "value": "1"})
    world.owner.call("DELETE", f"/api/metadata/taskdefs/{world.taskdef}")
    world.owner.call("POST", "/api/metadata/taskdefs", [{"name": world.taskdef}])
    assert world.owner.call("GET", path) == []


# ---- over all
def test_all_tags_each_once(world: World) -> None:
    tag = {"key": "team", "value": new("forest"), "type": "METADATA"}
    for path in (path_of(world, "workflow"), path_of(world, "task")):
        world.admin.call("POST", path, tag)
    found = [one for one in world.admin.call("GET", "/api/metadata/tags") if one["value"] == tag["value"]]
    assert found == [tag]


def test_tags_grouped_by_what_carries_them(world: World) -> None:
    value = new("forest")
    tag = {"key": "team", "value": value}
    world.admin.call("POST", path_of(world, "workflow"), tag)
    world.admin.call("PUT", f"/api/secrets/{world.secret}/tags", [tag])
    other = World.on(world.server)
    other.admin.call("PUT", f"/api/secrets/{other.secret}/tags", [tag])
    found = [one for one in world.admin.call("GET", "/api/metadata/tags/grouped") if one["tagValue"] == value]
    assert sorted(found, key=lambda one: str(one["resourceType"])) == [
        {"tagKey": "team", "tagValue": value, "resourceType": "SECRET_NAME", "countPerResourceType": 2},
        {"tagKey": "team", "tagValue": value, "resourceType": "WORKFLOW_DEF", "countPerResourceType": 1},
    ]


def test_the_resources_of_a_tag(world: World) -> None:
    value = new("forest")
    tag = {"key": "team", "value": value}
    world.admin.call("POST", path_of(world, "workflow"), tag)
    world.admin.call("PUT", f"/api/secrets/{world.secret}/tags", [tag])
    world.admin.call("PUT", f"/api/applications/{world.application}/tags", [tag])
    path = f"/api/metadata/tags/resources?tagKey=team&tagValue={value}&resourceType="
    assert world.admin.call("GET", path + "WORKFLOW_DEF") == [{"id": world.workflow, "displayName": world.workflow}]
    for kind in ("SECRET_NAME", "SECRET"):
        assert world.admin.call("GET", path + kind) == [{"id": world.secret, "displayName": world.secret}]
    name = world.admin.call("GET", f"/api/applications/{world.application}")["name"]
    assert world.admin.call("GET", path + "APPLICATION") == [{"id": world.application, "displayName": name}]
    assert world.admin.call("GET", path + "TASK_DEF") == []
    answer = world.admin.raw("GET", path + "CLOUD")
    assert answer.status_code == 400 and "CLOUD" in answer.json()["message"]


def test_a_colon_in_a_key_or_a_value_is_no_end_of_it(world: World) -> None:
    value = new("c")
    world.admin.call("PUT", path_of(world, "workflow"), [{"key": "a:b", "value": value}])
    world.admin.call("PUT", path_of(world, "task"), [{"key": "a", "value": f"b:{value}"}])
    path = "/api/metadata/tags/resources?tagKey={}&tagValue={}&resourceType={}"
    assert world.admin.call("GET", path.format("a:b", value, "WORKFLOW_DEF")) == [{"id": world.workflow, "displayName": world.workflow}]
    assert world.admin.call("GET", path.format("a:b", value, "TASK_DEF")) == []
    assert world.admin.call("GET", path.format("a", f"b:{value}", "WORKFLOW_DEF")) == []


@pytest.mark.promise(9)
def test_lists_show_the_tags_of_what_one_may_read(world: World) -> None:
    value = new("forest")
    world.admin.call("POST", path_of(world, "workflow"), {"key": "team", "value": value})
    resources = f"/api/metadata/tags/resources?tagKey=team&tagValue={value}&resourceType=WORKFLOW_DEF"
    lists = ("/api/metadata/tags", "/api/metadata/tags/grouped", resources)
    assert [world.stranger.call("GET", path) for path in lists] == [[], [], []]
    grant(world.admin, ("USER", f"app:{world.stranger_id}"), ("WORKFLOW_DEF", world.workflow), "READ")
    assert world.stranger.call("GET", lists[0]) == [{"key": "team", "value": value}]
    assert [one["countPerResourceType"] for one in world.stranger.call("GET", lists[1])] == [1]
    assert world.stranger.call("GET", lists[2]) == [{"id": world.workflow, "displayName": world.workflow}]


@pytest.mark.promise(10)
def test_a_tag_that_hands_out_more_than_one_holds_is_refused(world: World) -> None:
    """With UPDATE alone nobody tags a thing so that a grant on the tag opens it."""
    pair, path, me = f"dev:{new('automation')}", f"/api/secrets/{world.secret}/tags", ("USER", f"app:{world.stranger_id}")
    tags = [{"key": "dev", "value": pair.partition(":")[2]}]
    grant(world.admin, me, ("TAG", pair), "READ", "DELETE")
    grant(world.admin, me, ("SECRET_NAME", world.secret), "UPDATE")
    assert world.stranger.raw("PUT", path, tags).status_code == 403
    assert world.stranger.raw("GET", f"/api/secrets/{world.secret}").status_code == 403
    world.owner.call("PUT", path, tags)  # who holds all of it may
    assert world.stranger.raw("GET", f"/api/secrets/{world.secret}").status_code == 200
    world.admin.call("DELETE", "/api/auth/authorization", authorization(me, ("TAG", pair), "DELETE"))
    assert world.stranger.raw("DELETE", f"/api/secrets/{world.secret}").status_code == 403


def test_lists_are_narrowed_by_tag_and_access(world: World) -> None:
    value = new("v")
    world.admin.raw("PUT", f"/api/metadata/workflow/{world.workflow}/tags", [{"key": "list", "value": value}])
    found = [one["name"] for one in world.admin.call("GET", f"/api/metadata/workflow?tagKey=list&tagValue={value}")]
    assert found == [world.workflow]
    assert world.admin.call("GET", f"/api/metadata/workflow?tagKey=list&tagValue={value}x") == []
    assert world.admin.call("GET", f"/api/metadata/taskdefs?tagKey=list&tagValue={value}") == []
    world.admin.grant(world.stranger_id, "WORKFLOW_DEF", world.workflow, "READ")
    assert [one["name"] for one in world.stranger.call("GET", "/api/metadata/workflow")] == [world.workflow]
    assert world.stranger.call("GET", "/api/metadata/workflow?access=READ&access=EXECUTE") == []
    assert world.stranger.raw("GET", "/api/metadata/workflow?access=LOOK").status_code == 400
