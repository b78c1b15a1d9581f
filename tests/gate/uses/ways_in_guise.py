"""More of them: by accounts, applications, tags and roles that the asker had a hand in before (core/eyes.py looks that up)."""

from collections.abc import Callable
from typing import Any

from tests.api.authorization.world import new
from tests.gate.doors.stage import Stage
from tests.gate.uses.persons import Person, Persons
from tests.gate.uses.test_releases import guard
from tests.gate.uses.ways import agreed, no_past, owner, way

Key = dict[str, Any]
"""An access key as created: `id` and `secret`."""


@way(no_past)
def agreeing_by_an_account_that_an_account_of_ones_own_made(stage: Stage, persons: Persons) -> str:
    me, between, second = owner(persons, "ADMIN"), new("between"), new("second")
    guard(stage)
    _make_administrator(me.api, between)
    _make_administrator(persons.signed_in(between).api, second)
    return agreed(stage, me, persons.signed_in(second).api)


@way(no_past)
def agreeing_by_an_account_of_a_circle_of_ones_own(stage: Stage, persons: Persons) -> str:
    """Two accounts that invited each other, one of which one made."""
    me, one, other = owner(persons, "ADMIN"), new("one"), new("other")
    guard(stage)
    _make_administrator(me.api, other)
    _make_administrator(persons.signed_in(other).api, one)
    persons.signed_in(one).api.call("POST", f"/api/users/{other}/sendInviteEmail")
    friend = persons.make()
    persons.grant(persons.signed_in(one).api, friend.user, "READ")
    persons.grant(persons.signed_in(other).api, friend.user, "UPDATE")
    return agreed(stage, me, friend.api)


@way(no_past)
def agreeing_by_an_account_that_an_application_now_gone_made(stage: Stage, persons: Persons) -> str:
    """And being no administrator any more oneself."""
    me, second = owner(persons, "ADMIN"), new("second")
    guard(stage)
    made, key = me.api.application(new("mine"), "ADMIN")
    _make_administrator(stage.server.api(stage.server.token(key["id"], key["secret"])), second)
    me.api.call("DELETE", f"/api/applications/{made}")
    by = persons.signed_in(second)
    by.api.call("PUT", f"/api/users/{me.user}", {"name": "Me", "roles": ["USER"]})
    return agreed(stage, me, by.api)


@way(no_past)
def agreeing_by_a_right_that_an_application_now_gone_gave(stage: Stage, persons: Persons) -> str:
    me, second = owner(persons), persons.make()
    guard(stage)
    made = _granted_by_application(stage, persons, me, second)
    me.api.call("DELETE", f"/api/applications/{made}")
    return agreed(stage, me, second.api)


@way(no_past)
def agreeing_by_a_right_that_an_application_given_away_gave(stage: Stage, persons: Persons) -> str:
    """Without UPDATE on it, one can have no key of it any more."""
    me, second = owner(persons), persons.make()
    guard(stage)
    made = _granted_by_application(stage, persons, me, second)
    target = {"type": "APPLICATION", "id": made}
    body = {"subject": {"type": "USER", "id": me.user}, "target": target, "access": ["UPDATE"]}
    me.api.call("DELETE", "/api/auth/authorization", body)
    return agreed(stage, me, second.api)


@way(no_past)
def agreeing_by_a_right_that_an_application_gave_which_trusts_ones_own_issuer(stage: Stage, persons: Persons) -> str:
    """Another made the application and its key; whoever could make it trust a token could be it as well."""

    def trusted(me: Person, made: str, key: Key) -> Key:
        terms = {"issuer": "https://gitlab.example.com", "audience": "mine", "conditions": {"project_id": "20"}}
        me.api.call("POST", f"/api/applications/{made}/trusts", terms)
        return key

    return _agreed_by_anothers_application(stage, persons, trusted)


@way(no_past)
def agreeing_by_a_right_that_an_application_gave_whose_key_one_rotated(stage: Stage, persons: Persons) -> str:
    """Whoever rotates a key is shown the new one, and can be the application by it."""

    def rotated(me: Person, made: str, key: Key) -> Key:
        found: Key = me.api.call("POST", f"/api/applications/{made}/accessKeys/{key['id']}/rotate")
        return found

    return _agreed_by_anothers_application(stage, persons, rotated)


def _agreed_by_anothers_application(stage: Stage, persons: Persons, taken: Callable[[Person, str, Key], Key]) -> str:
    """One may UPDATE it for a moment, and does with it what `taken` does; by the key that it answers the application gives the rights."""
    me, second = owner(persons), persons.make()
    guard(stage)
    made, key = stage.admin.application(new("anothers"))
    persons.grant(stage.admin, f"app:{made}", "READ", "UPDATE")
    body = {"subject": {"type": "USER", "id": me.user}, "target": {"type": "APPLICATION", "id": made}, "access": ["READ", "UPDATE"]}
    stage.admin.call("POST", "/api/auth/authorization", body)
    key = taken(me, made, key)
    stage.admin.call("DELETE", "/api/auth/authorization", body)
    persons.grant(stage.server.api(stage.server.token(key["id"], key["secret"])), second.user, "READ", "UPDATE")
    return agreed(stage, me, second.api)


@way(no_past)
def agreeing_by_a_tag_that_one_put_on(stage: Stage, persons: Persons) -> str:
    me, second, team = owner(persons), persons.make(), new("team")
    grant_on_tag(persons, second, team)
    guard(stage)
    me.api.call("PUT", f"/api/secrets/{stage.secret}/tags", [{"key": "team", "value": team}])
    return agreed(stage, me, second.api)


@way(no_past)
def agreeing_by_a_role_that_one_wrote(stage: Stage, persons: Persons) -> str:
    me, second, role = owner(persons, "ADMIN"), persons.make(), new("ROLE")
    first = persons.first_admin().api
    first.call("POST", "/api/roles", {"name": role, "permissions": ["METADATA_VIEW"]})
    first.call("PUT", f"/api/users/{second.user}", {"name": "Second", "roles": [role]})
    guard(stage)
    me.api.call("PUT", f"/api/roles/{role}", {"name": role, "permissions": ["READ_SECRET_NAME", "UPDATE_SECRET_NAME"]})
    return agreed(stage, me, second.api)


def _make_administrator(by: Any, user: str) -> None:
    by.call("PUT", f"/api/users/{user}", {"name": "Me too", "roles": ["ADMIN"]})
    by.call("POST", f"/api/users/{user}/sendInviteEmail")


def _granted_by_application(stage: Stage, persons: Persons, me: Person, second: Person) -> str:
    """The id of an application of one's own, which gave the second one its rights."""
    made, key = me.api.application(new("mine"))
    persons.grant(me.api, f"app:{made}", "READ", "UPDATE")
    persons.grant(stage.server.api(stage.server.token(key["id"], key["secret"])), second.user, "READ", "UPDATE")
    return str(made)


def grant_on_tag(persons: Persons, second: Person, team: str) -> None:
    target = {"type": "TAG", "id": f"team:{team}"}
    body = {"subject": {"type": "USER", "id": second.user}, "target": target, "access": ["READ", "UPDATE"]}
    persons.first_admin().api.call("POST", "/api/auth/authorization", body)
