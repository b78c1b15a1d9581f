"""Four eyes: whether somebody who agrees to a request is a second person, and not the one who asks in another guise."""

from dataclasses import dataclass, field, replace

from stagedoor.core.evidence import Evidence, Granted, Held, RoleHeld, evidence_about
from stagedoor.core.grant import authority_on, must_hold
from stagedoor.core.permission import Access, Allowed, Resource, decide
from stagedoor.core.principal import APPLICATION_PREFIX, OPERATOR_PREFIX, Principal, operator_user
from stagedoor.core.question import Question, judge
from stagedoor.kit.errors import Forbidden
from stagedoor.store.store import Row, Transaction

_TAGGED = "tag.put"


def another_person(who: Principal, asker: Principal | None) -> bool:
    """A person with a credential, and not the asker, also not as an operator."""
    if who.is_application or who.credential is None:
        return False
    return asker is None or person(who) != person(asker)


def person(who: Principal) -> str:
    return who.user.removeprefix(OPERATOR_PREFIX)


def second_pair(tx: Transaction, who: Principal, asker: Principal, secret: Resource) -> None:
    """Forbidden unless `who` is another person that may READ and UPDATE the secret, by what others than the asker gave, with an
    account that others than the asker made: who makes an account, or sends the link that sets its password, can sign in with it,
    and so with those that it makes."""
    guises = _Guises(tx, asker)
    if not another_person(who, asker):
        raise _refused(secret, "a second person; neither the asker nor an application can agree")
    if not who.user.startswith(OPERATOR_PREFIX) and guises.hold(who.user):
        raise _refused(secret, f"a person whose account {asker.user} did not make or invite, also not by others that it made")
    for access in (Access.READ, Access.UPDATE):
        question = Question(access, secret)
        must_hold(tx, who, secret, access)
        evidence = _without(evidence_about(tx, who.project, who.subject, question), guises)
        if not isinstance(judge(who, question, evidence.authority(who.subject)), Allowed):
            raise _refused(secret, f"{access} on {secret.kind} {secret.name} that {asker.user} did not give")


@dataclass
class _Guises:
    """Whoever acts for the asker: itself, itself as an operator, every application whose keys it can have, and every account and
    application that one of these made, whatever the asker may do by now. What was done is in the audit."""

    tx: Transaction
    asker: Principal
    _known: dict[str, bool] = field(default_factory=dict)

    def hold(self, user: str) -> bool:
        if user not in self._known:
            self._known[user] = self._look(user)
        return self._known[user]

    def gave(self, one: Held, secret: Resource) -> bool:
        """The piece itself, or what makes it matter: the permissions of its role, the tag on the secret."""
        if self.hold(one.by):
            return True
        if isinstance(one, RoleHeld):
            return any(self.hold(row["actor"]) for row in self._done(f"ROLE {one.role}"))
        if isinstance(one, Granted) and one.target.kind == "TAG":
            tagged = [row for row in self._done(f"{secret.kind} {secret.name}") if one.target.name in row["detail"]]
            return any(self.hold(row["actor"]) for row in tagged)
        return False

    def _look(self, user: str) -> bool:
        """From maker to maker, also in a circle."""
        seen, ahead = {user}, [user]
        while ahead:
            one = ahead.pop()
            if self._known.get(one) or self._acts(one):
                return True
            new = self._makers(one) - seen
            seen |= new
            ahead += new
        self._known |= dict.fromkeys(seen, False)
        return False

    def _acts(self, user: str) -> bool:
        """The asker can be it now."""
        if user in (person(self.asker), operator_user(person(self.asker))):
            return True
        if not user.startswith(APPLICATION_PREFIX):
            return False
        application = Resource("APPLICATION", user.removeprefix(APPLICATION_PREFIX))
        verdict = decide(self.asker, Access.UPDATE, application, authority_on(self.tx, self.asker, application))
        return isinstance(verdict, Allowed)

    def _makers(self, user: str) -> set[str]:
        """Of an account, who made or invited it; of an application, who made it or a key of it."""
        application = user.startswith(APPLICATION_PREFIX)
        target = f"APPLICATION {user.removeprefix(APPLICATION_PREFIX)}" if application else f"USER {user}"
        return {row["actor"] for row in self._done(target) if row["action"] != _TAGGED}

    def _done(self, target: str) -> list[Row]:
        return self.tx.all("done_to_target", project_id=self.asker.project, target=target)


def _without(evidence: Evidence, guises: _Guises) -> Evidence:
    """What is left of it without what the asker gave."""
    index, secret = (evidence.memberships, evidence.roles, evidence.grants), evidence.question.resource
    held = [one for by_holder in index for pieces in by_holder.values() for one in pieces if not guises.gave(one, secret)]
    return replace(evidence, memberships={}, roles={}, grants={}).plus(held)


def _refused(secret: Resource, missing: str) -> Forbidden:
    return Forbidden(f"You don't have permissions to release secret: {secret.name} (missing: {missing})")
