"""Four eyes: whether somebody who agrees to a request is a second person, and not the one who asks in another guise."""

from dataclasses import dataclass, field, replace

from stagedoor.core.evidence import Evidence, evidence_about
from stagedoor.core.grant import authority_on
from stagedoor.core.permission import Access, Allowed, Denied, Resource, decide
from stagedoor.core.principal import APPLICATION_PREFIX, OPERATOR_PREFIX, Principal, operator_user
from stagedoor.core.question import Question, judge
from stagedoor.kit.errors import Forbidden
from stagedoor.store.store import Transaction


def another_person(who: Principal, asker: Principal | None) -> bool:
    """A person with a credential, and not the asker, also not as an operator."""
    if who.is_application or who.credential is None:
        return False
    return asker is None or person(who) != person(asker)


def person(who: Principal) -> str:
    return who.user.removeprefix(OPERATOR_PREFIX)


def second_pair(tx: Transaction, who: Principal, asker: Principal, secret: Resource) -> None:
    """Forbidden unless `who` is another person that may READ and UPDATE the secret, by what others than the asker gave, with an
    account that others than the asker made: who makes an account, or sends the link that sets its password, can sign in with it."""
    guises = _Guises(tx, asker)
    if not another_person(who, asker):
        raise _refused(secret, "a second person; neither the asker nor an application can agree")
    if not who.user.startswith(OPERATOR_PREFIX):
        makers = tx.all("account_made_by", project_id=who.project, target=f"USER {who.user}")
        if any(guises.hold(row["actor"]) for row in makers):
            raise _refused(secret, f"a person whose account {asker.user} did not make or invite")
    for access in (Access.READ, Access.UPDATE):
        question = Question(access, secret)
        verdict = decide(who, access, secret, authority_on(tx, who, secret))
        if isinstance(verdict, Denied):
            raise Forbidden(verdict.reason)
        evidence = _without(evidence_about(tx, who.project, who.subject, question), guises)
        if not isinstance(judge(who, question, evidence.authority(who.subject)), Allowed):
            raise _refused(secret, f"{access} on {secret.kind} {secret.name} that {asker.user} did not give")


@dataclass
class _Guises:
    """Whoever acts for the asker: itself, itself as an operator, and every application whose keys it can have."""

    tx: Transaction
    asker: Principal
    _known: dict[str, bool] = field(default_factory=dict)

    def hold(self, user: str) -> bool:
        if user not in self._known:
            self._known[user] = self._look(user)
        return self._known[user]

    def _look(self, user: str) -> bool:
        if user in (person(self.asker), operator_user(person(self.asker))):
            return True
        if not user.startswith(APPLICATION_PREFIX):
            return False
        application = Resource("APPLICATION", user.removeprefix(APPLICATION_PREFIX))
        verdict = decide(self.asker, Access.UPDATE, application, authority_on(self.tx, self.asker, application))
        return isinstance(verdict, Allowed)


def _without(evidence: Evidence, guises: _Guises) -> Evidence:
    """What is left of it without what the asker gave."""
    index = (evidence.memberships, evidence.roles, evidence.grants)
    held = [one for by_holder in index for pieces in by_holder.values() for one in pieces if not guises.hold(one.by)]
    return replace(evidence, memberships={}, roles={}, grants={}).plus(held)


def _refused(secret: Resource, missing: str) -> Forbidden:
    return Forbidden(f"You don't have permissions to release secret: {secret.name} (missing: {missing})")
