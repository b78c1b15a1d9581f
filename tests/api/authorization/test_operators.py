"""Operators above projects, and members in them: entering is explicit and audited, and ends with the operator."""

import asyncio
import json
import time
from typing import Any

import httpx
import pytest

from stagedoor.core.operator import Operators
from stagedoor.core.principal import Principal
from stagedoor.kit.errors import Conflict, NotFound
from tests.api.authorization.tenancy import Pair, Side, audit, change, command, operator, person, sign_in
from tests.api.authorization.world import new
from tests.support.inside import inside
from tests.support.server import ADMIN

ME = "/api/token/userInfo"
BY = Principal("default", "a-test")


@pytest.fixture
def made(both: Pair) -> str:
    """A project of the test's own, without members."""
    project = new("made")
    operator(both.server).call("POST", "/api/projects", {"id": project, "name": "Made by a test"})
    return project


def test_an_operator_gets_into_a_project_only_by_saying_so(both: Pair) -> None:
    password = both.server.first["password"]
    assert sign_in(both.server, email=ADMIN, password=password, project="left").status_code == 401
    nowhere = sign_in(both.server, email=ADMIN, password=password, operator=True)
    assert (nowhere.status_code, nowhere.json()["validationErrors"][0]["path"]) == (400, "project")
    assert sign_in(both.server, email=ADMIN, password=password, project="no-such", operator=True).status_code == 401
    inside_left = operator(both.server, "left")
    me = inside_left.call("GET", ME + "?claims=true")
    assert (me["user"]["id"], me["claims"]["project"]) == (f"operator:{ADMIN}", "left")
    assert [role["name"] for role in me["user"]["roles"]] == ["ADMIN"]
    assert inside_left.call("GET", "/api/secrets/shared") == f"{both.left.canary} shared"
    assert inside_left.raw("GET", f"/api/workflow/{both.right.things.run}").status_code == 404


@pytest.mark.promise(11)
def test_entering_is_audited_where_it_is_done(both: Pair, made: str) -> None:
    for _ in range(2):
        operator(both.server, made)
    assert audit(both.server, made, "operator.enter") == [(f"operator:{ADMIN}", f"PROJECT {made}")] * 2
    assert [actor for actor, _ in audit(both.server, made, "project.create")] == [ADMIN]
    assert ADMIN not in [member["email"] for member in both.left.api.call("GET", "/api/projects/left/members")]


def test_nobody_else_enters_even_with_the_right_password(both: Pair) -> None:
    assert both.left.sign_in(project="right", operator=True).status_code == 401
    assert both.left.sign_in(project="left", operator=True).status_code == 401


@pytest.mark.promise(2)
def test_whoever_stops_being_an_operator_is_out_at_once(both: Pair, made: str) -> None:
    email, password = person(both.server, "right")
    change(both.server, lambda core, tx: core.operators.add(tx, BY, email))
    entered = [sign_in(both.server, email=email, password=password, project=one, operator=True).json()["token"] for one in (made, "left")]
    there = [both.server.api(token) for token in entered]
    assert [api.raw("GET", ME).status_code for api in there] == [200, 200]
    there[0].put_secret("mine", "an operator's own")
    change(both.server, lambda core, tx: core.operators.remove(tx, BY, email))
    deadline = time.monotonic() + 30
    while [api.raw("GET", ME).status_code for api in there] != [401, 401]:  # another process changed the store: a server hears of it soon
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert sign_in(both.server, email=email, password=password, project=made, operator=True).status_code == 401
    change(both.server, lambda core, tx: core.operators.add(tx, BY, email))
    time.sleep(0.5)
    assert [api.raw("GET", ME).status_code for api in there] == [401, 401]
    grants = operator(both.server, made).call("GET", "/api/auth/authorization/SECRET_NAME/mine")
    assert [holders for holders in grants.values() if holders] == []
    change(both.server, lambda core, tx: core.operators.remove(tx, BY, email))


@pytest.mark.promise(2)
def test_a_new_password_ends_the_sessions_in_every_project(both: Pair) -> None:
    """An operator gives the link for it; the password opened all projects of that person."""
    email, password = person(both.server, "left", "right")
    tokens = [sign_in(both.server, email=email, password=password, project=one).json()["token"] for one in ("left", "right")]
    there = [both.server.api(token) for token in tokens]
    assert [api.raw("GET", ME).status_code for api in there] == [200, 200]
    link = operator(both.server, "left").call("POST", f"/api/users/{email}/sendInviteEmail")["inviteUrl"]
    other = {"password": f"another {password}", "again": f"another {password}"}
    assert httpx.post(link, data=other, timeout=30).status_code == 200
    assert [api.raw("GET", ME).status_code for api in there] == [401, 401]


def test_the_last_operator_remains(both: Pair) -> None:
    with pytest.raises(Conflict, match="last operator"):
        change(both.server, lambda core, tx: core.operators.remove(tx, BY, ADMIN))
    assert operator(both.server, "left").raw("GET", ME).status_code == 200
    with pytest.raises(NotFound, match="there is no person nobody"):
        change(both.server, lambda core, tx: core.operators.add(tx, BY, "nobody@example.com"))


@pytest.mark.slow
def test_the_command_makes_and_unmakes_operators_while_a_server_runs(both: Pair) -> None:
    email = both.right.first["user"]
    command(both.server, "operator", "add", email)
    assert {ADMIN, email} <= {one["email"] for one in json.loads(command(both.server, "project", "operators", "--json"))}
    assert both.right.sign_in(project="left", operator=True).status_code == 200
    command(both.server, "operator", "remove", email)
    assert both.right.sign_in(project="left", operator=True).status_code == 401


def test_operators_make_projects_and_see_all_of_them(both: Pair, made: str) -> None:
    api = operator(both.server)
    assert {"default", "left", "right", made} <= {one["id"] for one in api.call("GET", "/api/projects")}
    found = api.call("GET", f"/api/projects/{made}")
    assert (sorted(found), found["name"]) == (["createdAt", "id", "name", "publishableKey"], "Made by a test")
    assert api.raw("POST", "/api/projects", {"id": made, "name": "again"}).status_code == 409
    for body, field in (
        ({"id": "Has Capitals", "name": "x"}, "id"), ({"id": "a/b", "name": "x"}, "id"), ({"id": "-a", "name": "x"}, "id"),
        ({"id": "a#1", "name": "x"}, "id"), ({"id": "", "name": "x"}, "id"), ({"id": "a" * 64, "name": "x"}, "id"),
        ({"id": new("p"), "name": ""}, "name"), ({"id": new("p"), "name": "x", "more": 1}, "more"), ({"id": new("p")}, "name"),
    ):  # fmt: skip
        answer = api.raw("POST", "/api/projects", body)
        assert (answer.status_code, answer.json()["validationErrors"][0]["path"]) == (400, field), body


def test_an_administrator_is_no_operator(both: Pair) -> None:
    """Neither as a person, nor as an application of the project that the operators come from."""
    signed_in = both.server.api(both.left.sign_in().json()["token"])
    for api in (signed_in, both.left.api, both.server.admin()):
        assert api.raw("POST", "/api/projects", {"id": new("p"), "name": "x"}).status_code == 403
        assert "right" not in [one["id"] for one in api.call("GET", "/api/projects")]
        assert api.raw("GET", "/api/projects/right").status_code == 404


def test_a_project_without_members_gets_its_first_by_an_operator(both: Pair, made: str) -> None:
    email, password = person(both.server, made)
    token = sign_in(both.server, email=email, password=password, project=made).json()["token"]
    api = both.server.api(token)
    assert api.call("GET", f"/api/projects/{made}/members") == [{"email": email, "name": email, "roles": ["ADMIN"]}]
    last = api.raw("PUT", f"/api/projects/{made}/members/{email}", {"roles": ["USER"]})
    assert (last.status_code, email in last.json()["message"]) == (409, True)
    assert api.raw("DELETE", f"/api/projects/{made}/members/{email}").status_code == 409
    other = f"{new('other')}@example.com"
    assert api.call("PUT", f"/api/projects/{made}/members/{other}", {"roles": ["ADMIN", "USER"]})["roles"] == ["ADMIN", "USER"]
    assert api.call("PUT", f"/api/projects/{made}/members/{email}", {"roles": []}) == {"email": email, "name": email, "roles": []}
    assert api.raw("GET", f"/api/projects/{made}/members").status_code == 403


@pytest.mark.parametrize(
    ("email", "body", "field"),
    [
        ("x@example.com", {"roles": ["NO_SUCH"]}, "roles"), ("x@example.com", {"roles": ["WORKER"]}, "roles"),
        ("x@example.com", {"roles": ["USER"], "more": 1}, "more"), ("x@example.com", {}, "roles"),
        ("operator:x@example.com", {"roles": ["USER"]}, "id"), ("app:x", {"roles": ["USER"]}, "id"),
    ],
)  # fmt: skip
def test_a_member_who_cannot_be_is_refused_with_the_field_named(both: Pair, email: str, body: Any, field: str) -> None:
    answer = both.left.api.raw("PUT", f"/api/projects/left/members/{email}", body)
    assert (answer.status_code, answer.json()["validationErrors"][0]["path"]) == (400, field)


def test_signing_in_goes_where_one_was_last_else_to_default_else_to_the_only_one(both: Pair, made: str) -> None:
    def lands(email: str, password: str, **given: Any) -> Any:
        answer = sign_in(both.server, email=email, password=password, **given)
        return both.server.api(answer.json()["token"]).call("GET", ME + "?claims=true")["claims"]["project"]

    email, password = person(both.server, made)
    assert lands(email, password) == made
    operator(both.server, "left").call("PUT", f"/api/projects/left/members/{email}", {"roles": ["USER"]})
    assert lands(email, password) == made
    assert lands(email, password, project="left") == "left"
    assert lands(email, password) == "left"
    operator(both.server, "default").call("PUT", f"/api/projects/default/members/{email}", {"roles": ["USER"]})
    both.left.api.call("DELETE", f"/api/projects/left/members/{email}")
    assert lands(email, password) == "default"


@pytest.mark.slow
def test_the_command_prints_no_password_of_a_person_who_is_known(both: Pair) -> None:
    told = json.loads(command(both.server, "project", "create", new("second"), "--admin", both.left.first["user"], "--json"))
    assert sorted(told) == ["applicationId", "keyId", "keySecret", "project", "user"]
    assert both.left.sign_in(project=told["project"]).status_code == 200
    assert sorted(both.left.first) == ["applicationId", "keyId", "keySecret", "password", "project", "user"]


def test_no_project_takes_in_or_invites_a_person_of_another_and_so_learns_a_password_that_opens_it(both: Pair, made: str) -> None:
    """With or without a password so far: whoever has the link could sign in to the other project, too."""
    for theirs in (both.right.things.member, both.right.first["user"], ADMIN):
        for path, body in ((f"/api/projects/left/members/{theirs}", {"roles": ["USER"]}), (f"/api/users/{theirs}", {"name": "x"})):
            assert both.left.api.raw("PUT", path, body).status_code == 409
    email, _ = person(both.server, made, "left")
    assert both.left.api.raw("POST", f"/api/users/{email}/sendInviteEmail").status_code == 409


@pytest.mark.promise(10)
def test_of_two_administrators_who_remove_each_other_one_remains(both: Pair, made: str) -> None:
    inside_made = operator(both.server, made)
    emails = [f"{new('admin')}@example.com" for _ in range(2)]

    async def race() -> list[int]:
        headers = {"X-Authorization": inside_made.http.headers["X-Authorization"]}
        async with httpx.AsyncClient(base_url=both.server.url, headers=headers, timeout=30) as http:
            answers = await asyncio.gather(*(http.delete(f"/api/projects/{made}/members/{email}") for email in emails))
            return sorted(answer.status_code for answer in answers)

    for _ in range(5):
        for email in emails:
            inside_made.call("PUT", f"/api/projects/{made}/members/{email}", {"roles": ["ADMIN"]})
        assert asyncio.run(race()) == [200, 409]


@pytest.mark.anyio
async def test_without_the_kind_of_its_credential_a_name_alone_would_make_an_operator(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attack: a session of some other kind for a user who is called as an operator inside a project is."""
    async with inside(tmp_path) as made:
        gate, user = made.server.gate, f"operator:{ADMIN}"
        session = await gate.store.write(lambda tx: gate.credentials.open_session(tx, "default", user, 2**50))
        who = Principal("default", user, session)
        assert not await gate.look(lambda tx: made.server.tenants.operators.is_one(tx, who))
        real = await gate.store.write(lambda tx: gate.credentials.open_session(tx, "default", user, 2**50, kind="operator_session"))
        assert await gate.look(lambda tx: made.server.tenants.operators.is_one(tx, Principal("default", user, real)))
        monkeypatch.setattr(Operators, "is_one", lambda self, tx, who: who.user.startswith("operator:"))
        assert await gate.look(lambda tx: made.server.tenants.operators.is_one(tx, who))


def test_what_an_operator_does_inside_is_the_projects_alone(both: Pair) -> None:
    """As administrator of `left`, an operator hands out nothing of `right`."""

    def grant(side: Side) -> dict[str, Any]:
        subject = {"type": "USER", "id": f"app:{side.things.application}"}
        return {"subject": subject, "target": {"type": "SECRET_NAME", "id": "shared"}, "access": ["READ"]}

    api = operator(both.server, "left")
    assert api.raw("POST", "/api/auth/authorization", grant(both.right)).status_code == 400
    assert api.raw("POST", "/api/auth/authorization", grant(both.left)).status_code == 200
