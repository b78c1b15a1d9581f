"""The answers of explain and who-can, over one transaction that only reads."""

from dataclasses import dataclass, replace

import msgspec

from stagedoor.core.ceiling import ceiling_of, words_of
from stagedoor.core.credential import Credentials
from stagedoor.core.evidence import evidence_about, evidence_about_all
from stagedoor.core.explain import Path, paths
from stagedoor.core.grant import authority_on
from stagedoor.core.permission import Allowed, Denied
from stagedoor.core.principal import Principal, project_user
from stagedoor.core.question import Question, judge
from stagedoor.core.remedy import Remedies, Remedy
from stagedoor.kit.errors import NotFound, StagedoorError, TokenExpired
from stagedoor.store.store import Transaction


class Named(msgspec.Struct, frozen=True):
    type: str
    id: str


class Standing(msgspec.Struct, frozen=True):
    """A credential of the subject: `problem` None where it is good, else why nothing is accepted of it."""

    id: str
    problem: str | None


class Explanation(msgspec.Struct, frozen=True):
    """`reason` and `missing` are those of the 403, null where allowed; `paths` are empty where the right is missing, `remedies` where it
    is there. With a `credential` that is paused, deleted or expired, or whose ceiling leaves it out, `allowed` is false though the paths
    stand."""

    subject: str
    access: str
    resource: Named
    domain: str | None
    allowed: bool
    paths: tuple[Path, ...]
    reason: str | None
    missing: str | None
    remedies: tuple[Remedy, ...]
    credential: Standing | None = None


class Able(msgspec.Struct, frozen=True):
    """Somebody who may, with every path in words, the shortest first."""

    subject: str
    application: bool
    paths: tuple[str, ...]


def _missing(barred: str, standing: Standing | None) -> str:
    return "a credential that is good" if standing and standing.problem == barred else "a credential whose ceiling allows it"


@dataclass(frozen=True)
class Explainer:
    credentials: Credentials
    remedies: Remedies

    def explain(self, tx: Transaction, asker: Principal | None, who: Principal, question: Question) -> Explanation:
        """Why `who` may or may not. `asker` None: the owner of the store. NotFound where there is no such user or application.

        A `who` with a credential is asked for that credential too."""
        self._must_exist(tx, asker, who)
        evidence = evidence_about(tx, who.project, who.subject, question)
        verdict = judge(who, question, authority_on(tx, who, question.resource))
        denial = verdict if isinstance(verdict, Denied) else None
        remedies = self.remedies.for_denial(tx, evidence, who, asker) if denial else []
        standing = self._standing(tx, who)
        barred = (standing.problem if standing else None) or (None if denial else self._barred(tx, who, question))
        return Explanation(
            who.subject, question.access, Named(*question.resource), question.domain or None, denial is None and barred is None,
            tuple(paths(evidence, who)) if denial is None else (),
            barred or (denial.reason if denial else None), _missing(barred, standing) if barred else denial.missing if denial else None,
            tuple(remedies), standing,
        )  # fmt: skip

    def who_can(self, tx: Transaction, project: str, question: Question) -> list[Able]:
        """Every user and application of the project that may, and whoever shows its secret key, in the order of their names."""
        evidence = evidence_about_all(tx, project, question)
        holders = {*evidence.memberships, *evidence.roles, *evidence.grants, f"USER:{project_user(project)}"}
        found = []
        for subject in sorted(holder for holder in holders if holder.startswith("USER:")):
            who = Principal(project, subject.removeprefix("USER:"))
            if isinstance(judge(who, question, evidence.authority(subject)), Allowed):
                found.append(Able(subject, who.is_application, tuple(path.text for path in paths(evidence, who))))
        return found

    def _must_exist(self, tx: Transaction, asker: Principal | None, who: Principal) -> None:
        known = who.is_project or tx.one("subject_exists", project_id=who.project, subject=who.subject, user_id=who.user) is not None
        own = asker is not None and asker.subject == who.subject and asker.execution is None
        if not known and not own:
            raise NotFound(f"there is no user {who.user}")

    def _barred(self, tx: Transaction, who: Principal, question: Question) -> str | None:
        """The sentence where the owner may, and the ceiling of its credential leaves it out."""
        row = tx.one("credential_by_id", id=who.credential) if who.credential else None
        ceiling = ceiling_of(row["ceiling"]) if row else None
        if ceiling is None:
            return None
        within = replace(who, ceiling=ceiling)
        if isinstance(judge(within, question, authority_on(tx, within, question.resource)), Allowed):
            return None
        return f"the ceiling of the credential {who.credential} leaves it out: {words_of(ceiling)}"

    def _standing(self, tx: Transaction, who: Principal) -> Standing | None:
        if who.credential is None:
            return None
        row = tx.one("credential_by_id", id=who.credential)
        if row is None or (row["project_id"], row["owner"]) != (who.project, who.user):
            return Standing(who.credential, f"{who.subject} has no credential {who.credential}: it was deleted, or there never was one")
        try:
            self.credentials.alive(tx, who.credential)
        except TokenExpired:
            return Standing(who.credential, f"the credential {who.credential} of {who.subject} has expired")
        except StagedoorError:
            return Standing(who.credential, f"the credential {who.credential} of {who.subject} is paused")
        return Standing(who.credential, None)
