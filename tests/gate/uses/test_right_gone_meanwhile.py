"""A right taken away after a route's rule was asked, and before the change: the change asks for it once more, in its own transaction."""

from typing import Any

import pytest

from stagedoor.api.http import Request
from stagedoor.api.rules import Needs
from stagedoor.core import grant
from stagedoor.core.grant import Subject, Target
from stagedoor.core.permission import Access
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT
from stagedoor.core.secret import KIND
from stagedoor.gate.server import Server
from tests.gate.doors.stage import Stage
from tests.gate.uses.persons import Person, Persons
from tests.gate.uses.test_releases import audited

TAG = [{"key": "team", "value": "billing"}]
CHANGES: dict[str, tuple[str, str, Any]] = {
    "policy": ("PUT", "/policy", {"hosts": ["evil.example"]}),
    "viewing": ("PUT", "/viewing", {"release": "four-eyes", "workers": []}),
    "rollback": ("POST", "/versions/1/rollback", None),
    "destroy": ("DELETE", "/versions/1", None),
    "expiry": ("PUT", "/expiry", {"expiresAt": 0}),
    "tag": ("PUT", "/tags", TAG),
    "untag": ("DELETE", "/tags", TAG),
    "delete": ("DELETE", "", None),
}


def revoked_after_the_rule(patch: pytest.MonkeyPatch, stage: Stage, person: Person) -> None:
    """As soon as the rule has let the person through, its rights go; the request goes on once that has been committed."""
    rule, first = Needs.check, Principal(DEFAULT, f"app:{stage.server.first['applicationId']}")
    subject, target = Subject("USER", person.user), Target(KIND, stage.secret)

    async def check(self: Needs, server: Server, request: Request) -> None:
        await rule(self, server, request)
        if request.principal.user == person.user:
            await server.gate.change(lambda tx: server.gate.grants.remove(tx, first, subject, target, list(Access)))

    patch.setattr(Needs, "check", check)


@pytest.mark.promise(3)
@pytest.mark.slow
@pytest.mark.parametrize("asked_again", [True, False], ids=["as it is", "without asking again"])
@pytest.mark.parametrize("change", CHANGES)
def test_it_changes_nothing(change: str, asked_again: bool, stage: Stage, persons: Persons, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.admin.put_secret(stage.secret, "second")
    person = persons.make("READ", "UPDATE", "DELETE")
    if not asked_again:
        monkeypatch.setattr(grant, "must_hold", lambda *_: None)
    revoked_after_the_rule(monkeypatch, stage, person)
    method, path, body = CHANGES[change]
    answer = person.api.raw(method, f"/api/secrets/{stage.secret}{path}", body)
    done = [action for actor, action, outcome, _ in audited(stage) if actor == person.user and outcome == "done"]
    if asked_again:
        assert (answer.status_code, done) == (403, []), answer.text
        assert f"on SECRET_NAME {stage.secret})" in answer.json()["message"]
    else:
        assert (answer.status_code, len(done)) == (200, 1), answer.text
