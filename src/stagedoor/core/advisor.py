"""Least privilege: what subjects hold beside what they used, and the smaller set put in place (docs/decisions/0021-usage-counters.md)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from stagedoor.core.advice import Advice, Grant, Held, Item, advise, refused
from stagedoor.core.audit import Audit
from stagedoor.core.epoch import name_changed, project_changed, subject_changed
from stagedoor.core.identity import Directory
from stagedoor.core.permission import Resource
from stagedoor.core.principal import APPLICATION_PREFIX, Principal, project_user
from stagedoor.core.role import PERMISSIONS
from stagedoor.core.usage import DAY, KEPT_DAYS, CredentialDay, Use, Used, credentials_used, uses_of
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import BadInput, Conflict, NotFound
from stagedoor.store.store import Transaction


@dataclass(frozen=True)
class Beside:
    """What a subject holds, and what it used since `since` (epoch ms). `credentials`: newest day first."""

    held: Held
    uses: tuple[Used, ...]
    credentials: tuple[CredentialDay, ...]
    since: int


@dataclass(frozen=True)
class Applied:
    """What was taken from a subject and what it got instead."""

    who: Principal
    removed: tuple[Item, ...]
    added: tuple[Item, ...]
    days: int
    """What it was judged by."""


@dataclass(frozen=True)
class Advisor:
    clock: Clock
    audit: Audit
    directory: Directory

    def subjects(self, tx: Transaction, project: str) -> list[str]:
        """Every user of a project, then every application, then whoever shows its secret key where something is granted to that, as user
        ids."""
        people = [row["user_id"] for row in tx.all("accounts_of_project", project_id=project)]
        applications = [f"{APPLICATION_PREFIX}{row['id']}" for row in tx.all("applications_of_project", project_id=project)]
        keys = project_user(project)
        granted = tx.all("grants_given", project_id=project, subject=f"USER:{keys}")
        return [*people, *applications, *([keys] if granted else [])]

    def beside(self, tx: Transaction, who: Principal, days: int = KEPT_DAYS) -> Beside:
        """NotFound where there is no such user or application."""
        check_days(days)
        since = max(self.clock.now() - days * DAY, self._made_at(tx, who))
        uses = tuple(uses_of(tx, who.project, who.subject, since))
        return Beside(self._held(tx, who), uses, tuple(credentials_used(tx, who.project, who.subject, since)), since)

    def advice(self, tx: Transaction, who: Principal, days: int = KEPT_DAYS) -> Advice:
        """Conflict where subject or records are younger than the days to judge by."""
        check_days(days)
        since = self.clock.now() - days * DAY
        if (made := self._made_at(tx, who)) > since:
            raise Conflict(f"{who.user} is {_days(self.clock.now() - made)} old: name fewer --days than {days} to judge by those")
        started = tx.one("usage_recorded_since")
        if started is None or started["applied_at"] > since:
            age = self.clock.now() - started["applied_at"] if started else 0
            raise Conflict(f"this store has recorded use for {_days(age)}: name fewer --days than {days} to judge by those")
        return advise(self._held(tx, who), [used.use for used in uses_of(tx, who.project, who.subject, since)], since)

    def apply(self, tx: Transaction, by: Principal, shown: Advice, days: int) -> Applied:
        """Thought over once more in this transaction, with what was used meanwhile. Conflict where that would take what was not shown,
        or nobody would be left who administers the project. `by`: who the audit says did it."""
        who = shown.who
        with self.directory.administrators_remain(tx, who.project):
            project_changed(tx, who.project)  # groups, custom roles and tags stay as they are read
            subject_changed(tx, who.project, who.subject)
            now = self.advice(tx, who, days)
            if unseen := set(now.removes) - set(shown.removes):
                raise Conflict(f"{who.user} has changed since: now {sorted(map(str, unseen))[0]} would go too; look again")
            if now.refused:
                raise Conflict(f"{who.user} used {now.refused[0]}, which the smaller set would refuse; nothing was changed")
            self._change(tx, by, who, now.removes, now.adds)
        return Applied(who, now.removes, now.adds, days)

    def put_back_if_used(self, tx: Transaction, by: Principal, applied: Applied) -> Use | None:
        """A use that was under way while the smaller set was put in place, and is refused by it: then everything is put back."""
        who = applied.who
        name_changed(tx, who.project, "ROLE", "ADMIN")
        project_changed(tx, who.project)
        subject_changed(tx, who.project, who.subject)
        held = self._held(tx, who)
        before = held.authority(held.own.plus(*_sorted(applied.removed)))
        uses = [used.use for used in uses_of(tx, who.project, who.subject, self.clock.now() - applied.days * DAY)]
        before_refused = set(refused(who, uses, before))
        lost = [use for use in refused(who, uses, held.authority(held.own)) if use not in before_refused]
        if lost:
            self._change(tx, by, who, applied.added, applied.removed)
        return lost[0] if lost else None

    def _change(self, tx: Transaction, by: Principal, who: Principal, take: Iterable[Item], give: Iterable[Item]) -> None:
        by = Principal(who.project, by.user, by.credential)
        target = _target(who)
        for item in take:
            if isinstance(item, Grant):
                tx.do("grant_delete", **_columns(who, item))
                self.audit.change(tx, by, "grant.remove", f"{item.kind} {item.name}", f"{item.access} from {who.subject}")
            else:
                self.directory.take_role(tx, by, who.subject, item)
                self.audit.change(tx, by, "role.remove", target, item)
        for item in give:
            if isinstance(item, Grant):
                tx.do("grant_insert", granted_by=by.user, granted_at=self.clock.now(), **_columns(who, item))
                self.audit.change(tx, by, "grant.add", f"{item.kind} {item.name}", f"{item.access} to {who.subject}")
            else:
                self.directory.give_role(tx, by, who.subject, item)
                self.audit.change(tx, by, "role.add", target, item)

    def _made_at(self, tx: Transaction, who: Principal) -> int:
        if who.is_project:
            row = tx.one("project_by_id", project_id=who.project)
        elif who.is_application:
            row = tx.one("application_by_id", project_id=who.project, id=who.user.removeprefix(APPLICATION_PREFIX))
        else:
            row = tx.one("account_by_id", project_id=who.project, user_id=who.user)
        if row is None:
            raise NotFound(f"there is no user or application {who.user}")
        made: int = row["created_at"]
        return made

    def _held(self, tx: Transaction, who: Principal) -> Held:
        project = who.project
        roles = {row["role"]: row["granted_at"] for row in tx.all("roles_given", project_id=project, subject=who.subject)}
        rows = tx.all("grants_given", project_id=project, subject=who.subject)
        grants = {Grant(row["access"], row["target_type"], row["target_id"]): row["granted_at"] for row in rows}
        groups = [f"GROUP:{row['id']}" for row in tx.all("groups_of_member", project_id=project, member=who.subject)]
        custom = {
            row["name"]: tuple(msgspec.json.decode(row["permissions"], type=list[str]))
            for row in tx.all("custom_roles", project_id=project)
        }
        by_group = frozenset(grant for group in groups for grant in self._grants(tx, project, group))
        by_role = {role: frozenset(self._grants(tx, project, f"ROLE:{role}")) for role in (*PERMISSIONS, *custom)}
        pairs = {grant.name for grant in {*grants, *by_group, *(one for found in by_role.values() for one in found)} if grant.kind == "TAG"}
        return Held(
            who, roles, grants,
            frozenset(role for group in groups for role in self.directory.roles(tx, project, group)), by_group, by_role, custom,
            {pair: self._tagged(tx, project, pair) for pair in pairs}, self._is_last(tx, who),
        )  # fmt: skip

    def _is_last(self, tx: Transaction, who: Principal) -> bool:
        return [row["user_id"] for row in tx.all("administrators", project_id=who.project)] == [who.user]

    def _grants(self, tx: Transaction, project: str, subject: str) -> Iterator[Grant]:
        for row in tx.all("grants_of_subject", project_id=project, subject=subject):
            yield Grant(row["access"], row["target_type"], row["target_id"])

    def _tagged(self, tx: Transaction, project: str, pair: str) -> tuple[Resource, ...]:
        rows = tx.all("resources_tagged", project_id=project, pair=pair)
        return tuple(Resource(row["target_type"], row["target_id"]) for row in rows)


def check_days(days: int) -> int:
    """BadInput where it is not 1 to 90: use is recorded by the day, and for so long."""
    if not 1 <= days <= KEPT_DAYS:
        raise BadInput(f"days: 1 to {KEPT_DAYS}; for so long use is recorded", "days")
    return days


def subject_of(project: str, text: str) -> Principal:
    """From `alice@example.com`, `app:ID`, or either after `USER:`. BadInput for groups and roles: many may live by those."""
    kind, _, rest = text.partition(":")
    if kind.upper() in ("GROUP", "ROLE"):
        raise BadInput(f"subject: {text} is not a user or an application", "subject")
    return Principal(project, rest if kind.upper() == "USER" else text)


def _sorted(items: Iterable[Item]) -> tuple[list[str], list[Grant]]:
    every = list(items)
    return [item for item in every if isinstance(item, str)], [item for item in every if isinstance(item, Grant)]


def _columns(who: Principal, grant: Grant) -> dict[str, str]:
    columns = {"target_type": grant.kind, "target_id": grant.name, "access": grant.access}
    return {"project_id": who.project, "subject": who.subject} | columns


def _target(who: Principal) -> str:
    return f"APPLICATION {who.user.removeprefix(APPLICATION_PREFIX)}" if who.is_application else f"USER {who.user}"


def _days(milliseconds: int) -> str:
    return f"{milliseconds / DAY:.1f} days"
