"""Nobody reaches more than they hold by users, groups, roles, tags, applications or grants (promise 10): attacks over HTTP.

scripts/remove_protections.py takes away, one at a time, the checks that stop them and runs the test of this file that is about each.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.api.authorization.cast import Caller, Wires, authorization, sessions
from tests.api.authorization.tenancy import new_project
from tests.api.authorization.world import World, definition, new
from tests.support.server import Api, LiveServer

pytestmark = pytest.mark.promise(10)
ACCESSES = ("CREATE", "READ", "UPDATE", "DELETE", "EXECUTE")


@dataclass
class Ladder:
    """`climber` is a person whose only role, a custom one, lists USER_MANAGEMENT."""

    world: World
    climber: Caller
    wires: Wires

    @property
    def admin(self) -> Api:
        return self.world.admin

    def person(self, *roles: str) -> Caller:
        return signed_in(self.world.server, self.wires, *roles)

    def group(self, *roles: str, **more: Any) -> str:
        name = new("group")
        self.admin.call("PUT", f"/api/groups/{name}", {"description": "Some", "roles": list(roles), **more})
        return name

    def may_read(self, caller: Caller) -> bool:
        return caller.ask("GET", f"/api/secrets/{self.world.secret}").status_code == 200

    def refused(self, *asked: Any) -> bool:
        """Forbidden, and not by the route's rule, which answers in words of its own."""
        answer = self.climber.ask(*asked)
        return answer.status_code == 403 and "(missing: " in answer.json()["message"]


def signed_in(server: LiveServer, wires: Wires, *roles: str) -> Caller:
    name = new("person")
    return Caller(name, sessions(server, {name: list(roles)})[name], wires)


@pytest.fixture
def ladder(sqlite_server: LiveServer) -> Iterator[Ladder]:
    world, role, wires = World.on(sqlite_server), new("people"), Wires(sqlite_server)
    world.admin.call("POST", "/api/roles", {"name": role, "permissions": ["USER_MANAGEMENT"]})
    yield Ladder(world, signed_in(sqlite_server, wires, role), wires)
    wires.close()


@pytest.mark.parametrize("role", ["ADMIN", "METADATA_MANAGER", "WORKFLOW_MANAGER", "USER_READ_ONLY", "USER"])
def test_a_manager_of_people_gives_no_role_that_reaches_further(role: str, ladder: Ladder) -> None:
    me, other = ladder.climber.user, ladder.person()
    for user in (me, other.user):
        assert ladder.refused("PUT", f"/api/users/{user}", {"name": "Climber", "roles": [role]})
    if role != "USER_READ_ONLY":
        assert ladder.refused("PUT", f"/api/groups/{new('group')}", {"description": "up", "roles": [role]})
        assert ladder.refused("POST", f"/api/groups/{ladder.group(role)}/users/{me}")
        assert ladder.refused("POST", f"/api/groups/{ladder.group(role)}/users", [other.user, me])
        assert ladder.refused("PUT", f"/api/users/{me}", {"name": "Climber", "groups": [ladder.group(role)]})
    assert ladder.climber.ask("GET", "/api/roles").status_code == 200
    shown = ladder.admin.call("GET", f"/api/users/{me}")
    assert (role in [one["name"] for one in shown["roles"]], shown["groups"]) == (False, [])


def test_a_manager_of_people_takes_no_role_away_that_it_does_not_hold(ladder: Ladder) -> None:
    above = ladder.person("ADMIN")
    assert ladder.refused("PUT", f"/api/users/{above.user}", {"name": "Below", "roles": []})
    assert ladder.refused("DELETE", f"/api/users/{above.user}")
    assert ladder.refused("DELETE", f"/api/groups/{ladder.group('METADATA_MANAGER')}")
    assert above.ask("GET", "/api/users").status_code == 200


def test_a_custom_role_is_given_by_who_covers_it_and_what_it_was_granted(ladder: Ladder) -> None:
    wide, granted = new("wide"), new("granted")
    for role, permissions in ((wide, ["READ_SECRET_NAME"]), (granted, ["USER_MANAGEMENT"])):
        ladder.admin.call("POST", "/api/roles", {"name": role, "permissions": permissions})
    body = authorization(("ROLE", granted), "SECRET_NAME", ladder.world.secret, "READ")
    ladder.admin.call("POST", "/api/auth/authorization", body)
    for role in (wide, granted):
        assert ladder.refused("PUT", f"/api/users/{ladder.climber.user}", {"name": "Climber", "roles": [role]})
    assert not ladder.may_read(ladder.climber)


def test_nobody_joins_a_group_that_holds_a_grant_they_lack(ladder: Ladder) -> None:
    group, me = ladder.group(), ladder.climber.user
    body = authorization(("GROUP", group), "SECRET_NAME", ladder.world.secret, "READ")
    ladder.admin.call("POST", "/api/auth/authorization", body)
    assert ladder.refused("POST", f"/api/groups/{group}/users/{me}")
    assert ladder.refused("POST", f"/api/groups/{group}/users", [me])
    assert ladder.refused("PUT", f"/api/users/{me}", {"name": "Climber", "groups": [group]})
    assert not ladder.may_read(ladder.climber)
    ladder.admin.call("POST", "/api/auth/authorization", {**body, "subject": {"type": "USER", "id": me}})
    assert ladder.climber.ask("POST", f"/api/groups/{group}/users/{me}").status_code == 200


def test_a_member_adds_nothing_to_its_group(ladder: Ladder) -> None:
    """Neither by the group's roles, nor by what its members will make, nor by grants."""
    group, me = ladder.group(), ladder.climber.user
    ladder.admin.call("POST", f"/api/groups/{group}/users/{me}")
    assert ladder.refused("PUT", f"/api/groups/{group}", {"description": "up", "roles": ["METADATA_MANAGER"]})
    body = authorization(("GROUP", group), "SECRET_NAME", ladder.world.secret, "READ")
    assert ladder.refused("POST", "/api/auth/authorization", body)
    assert not ladder.may_read(ladder.climber)


def test_nobody_has_a_group_given_what_others_will_make(ladder: Ladder) -> None:
    group, victim = ladder.group(), ladder.person("USER")
    for user in (ladder.climber.user, victim.user):
        ladder.admin.call("POST", f"/api/groups/{group}/users/{user}")
    assert ladder.refused("PUT", f"/api/groups/{group}", {"description": "up", "defaultAccess": {"WORKFLOW_DEF": ["READ"]}})
    name = new("workflow")
    assert victim.ask("POST", "/api/metadata/workflow", definition(name, new("task"))).status_code == 200
    assert ladder.climber.ask("GET", f"/api/metadata/workflow/{name}").status_code == 403


def test_nobody_becomes_another_by_inviting_them(ladder: Ladder) -> None:
    """The link sets a password, so whoever has it is that user."""
    granted = ladder.person()
    body = authorization(("USER", granted.user), "SECRET_NAME", ladder.world.secret, "READ")
    ladder.admin.call("POST", "/api/auth/authorization", body)
    for user in (ladder.person("ADMIN").user, ladder.person("METADATA_MANAGER").user, granted.user):
        assert ladder.refused("POST", f"/api/users/{user}/sendInviteEmail")
    assert ladder.climber.ask("POST", f"/api/users/{ladder.person().user}/sendInviteEmail").status_code == 200


def test_who_may_only_read_does_not_get_more_by_a_group(ladder: Ladder) -> None:
    reader, group = ladder.person("USER_READ_ONLY"), ladder.group()
    for asked in (("POST", f"/api/groups/{group}/users/{reader.user}"), ("POST", f"/api/groups/{group}/users", [reader.user])):
        answer = ladder.climber.ask(*asked)
        assert (answer.status_code, answer.json()["validationErrors"][0]["path"]) == (400, "userId")
    assert ladder.admin.call("GET", f"/api/groups/{group}/users") == []


def test_a_tagger_puts_on_no_tag_that_gives_what_they_lack(ladder: Ladder) -> None:
    secret, tag = ladder.world.secret, {"key": "gives", "value": new("reading")}
    ladder.admin.call("POST", "/api/auth/authorization", authorization(("USER", ladder.climber.user), "SECRET_NAME", secret, "UPDATE"))
    body = authorization(("USER", ladder.climber.user), "TAG", f"gives:{tag['value']}", "READ")
    ladder.admin.call("POST", "/api/auth/authorization", body)
    assert ladder.refused("PUT", f"/api/secrets/{secret}/tags", [tag])
    assert ladder.refused("PUT", f"/api/secrets/{secret}/tags", [{"key": "harmless", "value": "yes"}, tag])
    assert not ladder.may_read(ladder.climber)
    ladder.admin.call("PUT", f"/api/secrets/{secret}/tags", [tag])
    assert ladder.may_read(ladder.climber)
    assert ladder.climber.ask("DELETE", f"/api/secrets/{secret}/tags", [tag]).status_code == 200


def test_a_tagger_takes_off_no_tag_that_gives_others_what_they_lack(ladder: Ladder) -> None:
    name, reader, tag = ladder.world.workflow, ladder.person(), {"key": "gives", "value": new("reading")}
    ladder.admin.call("POST", "/api/auth/authorization", authorization(("USER", ladder.climber.user), "WORKFLOW_DEF", name, "UPDATE"))
    ladder.admin.call("POST", "/api/auth/authorization", authorization(("USER", reader.user), "TAG", f"gives:{tag['value']}", "READ"))
    path = f"/api/metadata/workflow/{name}/tags"
    ladder.admin.call("POST", path, tag)
    less = {"key": "gives", "value": "less"}
    for method, body in (("DELETE", tag), ("PUT", []), ("PUT", [less]), ("POST", less)):
        assert ladder.refused(method, path, body)
    assert reader.ask("GET", f"/api/metadata/workflow/{name}").status_code == 200


def test_nobody_grants_on_a_tag_or_on_every_name(ladder: Ladder) -> None:
    owner, me = ladder.person("USER"), ladder.climber.user
    assert owner.ask("PUT", f"/api/secrets/{new('own')}", b"value").status_code == 200
    for kind, name in (("TAG", "team:a"), ("SECRET_NAME", "*"), ("DOMAIN", "west"), ("WORKFLOW_DEF", new("later"))):
        for caller in (ladder.climber, owner):
            answer = caller.ask("POST", "/api/auth/authorization", authorization(("USER", me), kind, name, "READ"))
            assert (answer.status_code, "(missing: " in answer.json()["message"]) == (403, True)


@pytest.mark.parametrize("role", ["ADMIN", "UNRESTRICTED_WORKER", "METADATA_MANAGER", "WORKFLOW_MANAGER", "APPLICATION_MANAGER", "USER"])
def test_the_owner_of_an_application_gives_it_no_role_of_administrators(role: str, ladder: Ladder) -> None:
    owner = ladder.person("USER")
    mine = owner.ask("POST", "/api/applications", {"name": new("mine")}).json()["id"]
    for method in ("POST", "DELETE"):
        answer = owner.ask(method, f"/api/applications/{mine}/roles/{role}")
        assert (answer.status_code, "(missing: role ADMIN)" in answer.json()["message"]) == (403, True)
    assert ladder.admin.call("GET", f"/api/users/app:{mine}")["roles"] == []


def test_an_owner_gives_an_application_no_custom_role_and_none_beyond_itself(ladder: Ladder) -> None:
    """METADATA_API makes definitions: only who may make them hands that out."""
    role, owner = new("custom"), ladder.person("USER")
    ladder.admin.call("POST", "/api/roles", {"name": role, "permissions": ["READ_SECRET_NAME"]})
    mine = owner.ask("POST", "/api/applications", {"name": new("mine")}).json()["id"]
    assert owner.ask("POST", f"/api/applications/{mine}/roles/{role}").status_code == 403
    assert owner.ask("POST", f"/api/applications/{mine}/roles/METADATA_API").status_code == 200
    ladder.admin.call("PUT", f"/api/users/{owner.user}", {"name": "No role any more", "roles": []})
    assert owner.ask("DELETE", f"/api/applications/{mine}/roles/METADATA_API").status_code == 403
    assert owner.ask("POST", f"/api/applications/{mine}/roles/WORKER").status_code == 200


@pytest.mark.parametrize("by_group", [False, True])
def test_the_owner_of_an_application_that_was_raised_makes_no_key_for_it(by_group: bool, ladder: Ladder) -> None:
    owner = ladder.person("USER")
    mine = owner.ask("POST", "/api/applications", {"name": new("mine")}).json()["id"]
    assert owner.ask("POST", f"/api/applications/{mine}/accessKeys").status_code == 200
    if by_group:
        ladder.admin.call("POST", f"/api/groups/{ladder.group('METADATA_MANAGER')}/users/app:{mine}")
    else:
        ladder.admin.call("POST", f"/api/applications/{mine}/roles/METADATA_MANAGER")
    answer = owner.ask("POST", f"/api/applications/{mine}/accessKeys")
    assert (answer.status_code, "(missing: role METADATA_MANAGER)" in answer.json()["message"]) == (403, True)
    assert ladder.admin.raw("POST", f"/api/applications/{mine}/accessKeys").status_code == 200


def test_a_grant_changes_a_definition_for_an_application_by_the_role_metadata_api_alone(ladder: Ladder) -> None:
    world = ladder.world
    body = definition(world.workflow, world.taskdef)
    world.admin.grant(world.stranger_id, "WORKFLOW_DEF", world.workflow, *ACCESSES)
    world.admin.grant(world.stranger_id, "TASK_DEF", world.taskdef, *ACCESSES)
    for method, path, sent in (
        ("PUT", "/api/metadata/workflow", [body]), ("DELETE", f"/api/metadata/workflow/{world.workflow}/1", None),
        ("PUT", "/api/metadata/taskdefs", {"name": world.taskdef}), ("DELETE", f"/api/metadata/taskdefs/{world.taskdef}", None),
    ):  # fmt: skip
        answer = world.stranger.raw(method, path, sent)
        assert (answer.status_code, "(missing: role METADATA_API" in answer.json()["message"]) == (403, True)
    world.admin.call("POST", f"/api/applications/{world.stranger_id}/roles/METADATA_API")
    assert world.stranger.raw("PUT", "/api/metadata/workflow", [body]).status_code == 200


def test_an_owner_whose_thing_was_given_on_has_no_say_in_it_any_more(ladder: Ladder) -> None:
    owner, heir, secret = ladder.person("USER"), ladder.person(), new("secret")
    assert owner.ask("PUT", f"/api/secrets/{secret}", b"value").status_code == 200
    ladder.admin.call("POST", "/api/auth/authorization", authorization(("USER", heir.user), "SECRET_NAME", secret, *ACCESSES))
    ladder.admin.call("DELETE", "/api/auth/authorization", authorization(("USER", owner.user), "SECRET_NAME", secret, *ACCESSES))
    for method in ("POST", "DELETE"):
        for user in (owner.user, heir.user):
            for access in ACCESSES:
                body = authorization(("USER", user), "SECRET_NAME", secret, access)
                assert owner.ask(method, "/api/auth/authorization", body).status_code == 403
    assert owner.ask("GET", f"/api/secrets/{secret}").status_code == 403
    assert heir.ask("GET", f"/api/secrets/{secret}").status_code == 200


def test_the_last_administrator_is_neither_deleted_nor_lowered(sqlite_server: LiveServer) -> None:
    """Applications with the role ADMIN do not count: a project needs a person. One in a group with that role does."""
    project, boss = new("project"), f"{new('boss')}@example.com"
    first = new_project(sqlite_server, project, boss)
    admin = sqlite_server.api(sqlite_server.token(first["keyId"], first["keySecret"]))
    user, member = f"/api/users/{boss}", f"/api/projects/{project}/members/{boss}"
    lowering = (
        ("PUT", user, {"name": "Boss", "roles": []}), ("PUT", member, {"roles": ["USER"]}), ("DELETE", member), ("DELETE", user),
    )  # fmt: skip
    for asked in lowering:
        answer = admin.raw(*asked)
        assert (answer.status_code, boss in answer.json()["message"]) == (409, True), asked
    admin.call("PUT", "/api/users/second", {"name": "Second", "roles": []})
    admin.call("PUT", "/api/groups/heads", {"description": "Heads", "roles": ["ADMIN"]})
    admin.call("POST", "/api/groups/heads/users/second")
    assert admin.raw(*lowering[0]).status_code == 200
    for path, body in (("/users/second", None), ("/users", ["second"]), ("", None)):
        assert admin.raw("DELETE", f"/api/groups/heads{path}", body).status_code == 409, path
    assert admin.raw("PUT", "/api/groups/heads", {"description": "Heads", "roles": []}).status_code == 409
    assert admin.raw("PUT", "/api/users/second", {"name": "Second", "groups": []}).status_code == 409
