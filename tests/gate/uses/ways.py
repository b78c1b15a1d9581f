"""The ways around a second person: who walks them, what closes each, and what comes of it (test_release_bypasses.py)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from stagedoor.core import eyes, release, secret
from stagedoor.core.viewing import Viewing
from stagedoor.gate.conditions import Conditions
from tests.api.authorization.world import new
from tests.gate.doors.stage import Stage, http, simple
from tests.gate.uses.persons import Person, Persons
from tests.gate.uses.test_releases import WHY, ask, guard

Patch = pytest.MonkeyPatch
Walk = Callable[[Stage, Persons], str]
Without = Callable[[Patch], None]


@dataclass(frozen=True)
class Way:
    """`walk` is gone by a person who may READ and UPDATE the secret, save where it says otherwise; it gives all that came of it."""

    name: str
    walk: Walk
    without: Without


WAYS: list[Way] = []


def way(without: Without) -> Callable[[Walk], Walk]:
    def register(walk: Walk) -> Walk:
        WAYS.append(Way(walk.__name__, walk, without))
        return walk

    return register


def wider_at_once(patch: Patch) -> None:
    patch.setattr(Viewing, "no_wider_than", lambda *_: True)
    patch.setattr(release, "no_wider", lambda *_: True)


def any_eyes(patch: Patch) -> None:
    """Whoever holds the rights may agree."""
    patch.setattr(release, "second_pair", lambda *_: None)


def no_past(patch: Patch) -> None:
    """Who may do something now is asked, and who did it is not."""
    patch.setattr(eyes._Guises, "_done", lambda *_: [])


def no_demand(patch: Patch) -> None:
    patch.setattr(secret, "demand_release", lambda *_: "")


def any_worker(patch: Patch) -> None:
    patch.setattr(Viewing, "hands_to", lambda *_: True)


def any_host(patch: Patch) -> None:
    patch.setattr(Conditions, "_viewing", lambda *_: Viewing())


def view(stage: Stage, api: Any) -> str:
    text: str = api.raw("GET", f"/api/secrets/{stage.secret}").text
    return text


def sent(stage: Stage, author: Person) -> str:
    """What arrives at a listener of one's own from a workflow of one's own."""
    name = new("own")
    definition = {"name": name, "version": 1, "tasks": [http(stage.listener.url, method="POST", body=stage.key)]}
    author.api.call("PUT", "/api/metadata/workflow", [definition])
    stage.ended(author.api.start(name))
    return "\n".join(heard.text for heard in stage.listener.heard)


def polled(stage: Stage, author: Person, worker: Any) -> str:
    """What one's own worker is handed from a workflow of one's own."""
    name = new("own")
    author.api.call("PUT", "/api/metadata/workflow", [{"name": name, "version": 1, "tasks": [simple(stage.task, key=stage.key)]}])
    author.api.start(name)
    return str(worker.poll(stage.task, timeout=200))


def agreed(stage: Stage, asker: Person, by: Any) -> str:
    """What the asker views after somebody agreed, or was refused."""
    path = f"/api/secrets/{stage.secret}/releases/{ask(stage, asker)}/approve"
    return str(by.raw("POST", path).text + view(stage, asker.api))


def owner(persons: Persons, *roles: str) -> Person:
    """Whoever walks: may do all with the secret, and make workflows."""
    return persons.make("CREATE", "READ", "UPDATE", "DELETE", "EXECUTE", roles=("USER", *roles))


@way(no_demand)
def viewing_without_a_release(stage: Stage, persons: Persons) -> str:
    guard(stage)
    return view(stage, owner(persons).api)


@way(no_demand)
def viewing_as_an_application(stage: Stage, persons: Persons) -> str:
    """Of one's own, with READ that one gave it, after one was released oneself."""
    me, other = owner(persons), persons.make("READ", "UPDATE")
    guard(stage)
    agreed(stage, me, other.api)
    made, key = me.api.application(new("mine"))
    persons.grant(me.api, f"app:{made}", "READ")
    application = stage.server.api(stage.server.token(key["id"], key["secret"]))
    return view(stage, application) + application.raw("POST", f"/api/secrets/{stage.secret}/releases", WHY).text


@way(no_demand)
def viewing_what_another_was_released_for(stage: Stage, persons: Persons) -> str:
    me, other, approver = owner(persons), persons.make("READ"), persons.make("READ", "UPDATE")
    guard(stage)
    assert stage.value in agreed(stage, other, approver.api)
    return view(stage, me.api) + view(stage, approver.api)


@way(no_demand)
def putting_and_rolling_back(stage: Stage, persons: Persons) -> str:
    me = owner(persons)
    guard(stage)
    me.api.put_secret(stage.secret, "one's own value")
    back = me.api.raw("POST", f"/api/secrets/{stage.secret}/versions/1/rollback")
    assert back.status_code == 200, back.text
    return view(stage, me.api)


@way(wider_at_once)
def switching_it_off_and_viewing(stage: Stage, persons: Persons) -> str:
    me = owner(persons)
    guard(stage)
    me.api.raw("PUT", f"/api/secrets/{stage.secret}/viewing", {"release": None})
    return view(stage, me.api)


@way(any_host)
def sending_it_to_a_host_of_ones_own(stage: Stage, persons: Persons) -> str:
    """READ lets one name any host in a definition: not with such a secret."""
    me = owner(persons)
    guard(stage)
    return sent(stage, me)


@way(wider_at_once)
def putting_a_host_of_ones_own_on_the_list(stage: Stage, persons: Persons) -> str:
    me = owner(persons)
    guard(stage)
    me.api.raw("PUT", f"/api/secrets/{stage.secret}/policy", {"hosts": [stage.listener.authority]})
    return sent(stage, me)


@way(any_worker)
def handing_it_to_a_worker_of_ones_own(stage: Stage, persons: Persons) -> str:
    """With READ that one gave it."""
    me = owner(persons)
    guard(stage)
    made, mine = stage.caller("mine", "WORKER")
    stage.admin.grant(made, "TASK_DEF", stage.task, "EXECUTE")
    persons.grant(me.api, f"app:{made}", "READ")
    return polled(stage, me, mine)


@way(wider_at_once)
def listing_a_worker_of_ones_own(stage: Stage, persons: Persons) -> str:
    me = owner(persons)
    guard(stage)
    made, mine = stage.caller("mine", "WORKER")
    stage.admin.grant(made, "TASK_DEF", stage.task, "EXECUTE")
    persons.grant(me.api, f"app:{made}", "READ")
    me.api.raw("PUT", f"/api/secrets/{stage.secret}/viewing", {"release": "four-eyes", "workers": [made]})
    return polled(stage, me, mine)


@way(any_worker)
def polling_oneself(stage: Stage, persons: Persons) -> str:
    me = owner(persons)
    body = {"subject": {"type": "USER", "id": me.user}, "target": {"type": "TASK_DEF", "id": stage.task}, "access": ["EXECUTE"]}
    stage.admin.call("POST", "/api/auth/authorization", body)
    guard(stage)
    return polled(stage, me, me.api)


@way(any_eyes)
def agreeing_oneself(stage: Stage, persons: Persons) -> str:
    me = owner(persons)
    guard(stage)
    return agreed(stage, me, me.api)


@way(any_eyes)
def agreeing_by_an_application_of_ones_own(stage: Stage, persons: Persons) -> str:
    me = owner(persons)
    guard(stage)
    made, key = me.api.application(new("mine"))
    persons.grant(me.api, f"app:{made}", "READ", "UPDATE")
    return agreed(stage, me, stage.server.api(stage.server.token(key["id"], key["secret"])))


@way(any_eyes)
def agreeing_by_an_application_of_another(stage: Stage, persons: Persons) -> str:
    """No application is a person."""
    guard(stage)
    return agreed(stage, owner(persons), stage.admin)


@way(any_eyes)
def agreeing_as_an_operator(stage: Stage, persons: Persons) -> str:
    me = owner(persons)
    guard(stage)
    return agreed(stage, me, persons.operator(me.user).api)


@way(any_eyes)
def agreeing_by_an_account_that_one_made(stage: Stage, persons: Persons) -> str:
    me = owner(persons, "ADMIN")
    guard(stage)
    second = new("second")
    me.api.call("PUT", f"/api/users/{second}", {"name": "Me too", "roles": ["USER"]})
    persons.grant(stage.admin, second, "READ", "UPDATE")
    return agreed(stage, me, persons.signed_in(second).api)


@way(any_eyes)
def agreeing_by_an_account_that_ones_application_made(stage: Stage, persons: Persons) -> str:
    """An administrator can have a key of any application."""
    me = owner(persons, "ADMIN")
    guard(stage)
    return agreed(stage, me, persons.make("READ", "UPDATE", by=f"app:{stage.server.first['applicationId']}").api)


@way(any_eyes)
def agreeing_by_an_account_that_one_invited(stage: Stage, persons: Persons) -> str:
    """Who sends the link that sets a password can follow it."""
    me = owner(persons, "ADMIN")
    guard(stage)
    second = persons.make()
    persons.grant(persons.first_admin().api, second.user, "READ", "UPDATE")
    me.api.call("POST", f"/api/users/{second.user}/sendInviteEmail")
    return agreed(stage, me, persons.signed_in(second.user).api)


@way(any_eyes)
def agreeing_by_a_right_that_one_gave(stage: Stage, persons: Persons) -> str:
    me, second = owner(persons), persons.make()
    guard(stage)
    persons.grant(me.api, second.user, "READ", "UPDATE")
    return agreed(stage, me, second.api)


@way(any_eyes)
def agreeing_by_a_membership_that_one_gave(stage: Stage, persons: Persons) -> str:
    me, second, group = owner(persons, "ADMIN"), persons.make(), new("group")
    guard(stage)
    first = persons.first_admin().api
    first.call("PUT", f"/api/groups/{group}", {"description": "May release", "roles": []})
    target = {"type": "SECRET_NAME", "id": stage.secret}
    body = {"subject": {"type": "GROUP", "id": group}, "target": target, "access": ["READ", "UPDATE"]}
    first.call("POST", "/api/auth/authorization", body)
    me.api.call("POST", f"/api/groups/{group}/users/{second.user}")
    return agreed(stage, me, second.api)
