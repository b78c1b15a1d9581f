"""What was really used: counters in memory on the way of every verdict, rows for the last 90 days (docs/decisions/0021-usage-counters.md).

A use is an allowed question that led to a deed. Questions that only filter a list, or that somebody asks about another, are none.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from stagedoor.core.permission import Access, Resource
from stagedoor.core.principal import Principal
from stagedoor.core.role import EVERY, ROUTE_PERMISSIONS, Effects
from stagedoor.kit.clock import Clock
from stagedoor.store.store import Row, Transaction

DAY = 24 * 60 * 60_000
KEPT_DAYS = 90
MOST_WAITING = 2_000
"""Different uses in memory from which on they are written at once; what does not fit into five times as many is lost."""
MOST_NAMES = 1_000
"""Different names of one kind that one subject's day holds; the others stand under `*`: it uses so many that only all of them will do."""
PAGE = 5_000
NOBODYS = ""
"""The credential of a use that no request made: a voucher's, a starter's."""
POLL = "POLL"
"""Task type and domain: to take tasks."""
MAKE = "MAKE"
"""To make something of a kind."""
PERMIT = "PERMIT"
"""A management permission, by its name."""
WHOLE = "EVERY_"
"""Before an access: on every resource of the kind, by a role."""

Key = tuple[str, str, str | None, str, str, str, str]
"""Project, user, credential, access, kind, name, domain."""


class Use(NamedTuple):
    """What was asked. `access` is an Access, or one of the words above."""

    access: str
    kind: str
    name: str
    domain: str = ""

    def __str__(self) -> str:
        text = " ".join(filter(None, (self.access, self.kind, self.name)))
        return f"{text} in domain {self.domain}" if self.domain else text


ADMINISTERS = Use(PERMIT, "", "ADMIN_MANAGEMENT")
"""What the role ADMIN alone lets one do."""


def needed_to_give(role: str, effects: Effects) -> list[Use]:
    """What whoever gives or takes a role must hold (promise 10; `permission.lacking`)."""
    if role == "ADMIN":
        return [ADMINISTERS]
    whole = [Use(f"{WHOLE}{access}", kind, "") for kind, accesses in effects.wide.items() for access in sorted(accesses)]
    made = [Use(MAKE, kind, "") for kind in sorted(effects.creates)]
    return whole + made + [Use(PERMIT, "", one) for one in sorted(ROUTE_PERMISSIONS.intersection(effects.permissions))]


@dataclass(frozen=True, slots=True)
class Used:
    """How often, and when last (epoch ms, late by some seconds)."""

    use: Use
    count: int
    last_at: int


@dataclass(frozen=True, slots=True)
class CredentialDay:
    """What came of a credential's requests in one day (days since 1970, UTC). `credential` '' has no requests."""

    credential: str
    day: int
    ok: int
    refused: int
    last_at: int
    last_from: str


@dataclass(slots=True)
class _Seen:
    ok: int = 0
    refused: int = 0
    address: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """Counts on their way to the store."""

    uses: Mapping[Key, int]
    seen: Mapping[tuple[str, str, str], _Seen]


def never() -> None:
    """Nobody writes these counts."""


@dataclass
class Usage:
    """The counters of this process. `add` and `seen` are for the event loop alone; they never wait, and know no clock."""

    clock: Clock
    full: Callable[[], None] = never
    """Called when the counts should be written at once."""
    lost: int = 0
    """Uses that found no place since the last writing."""
    _uses: dict[Key, int] = field(default_factory=dict)
    _seen: dict[tuple[str, str, str], _Seen] = field(default_factory=dict)
    _names: dict[tuple[int, str, str, str, str], int] = field(default_factory=dict)

    def add(self, who: Principal, access: Access, resource: Resource) -> None:
        """A right was used. On the hot path."""
        key = (who.project, who.user, who.credential, access._value_, resource[0], resource[1], "")
        uses = self._uses
        if key in uses:  # in line: a call more would be a third of all this costs
            uses[key] += 1
        else:
            self._count(key)

    def polled(self, who: Principal, task_type: str, domain: str) -> None:
        """The right to take such tasks was used. On the hot path too."""
        key = (who.project, who.user, who.credential, POLL, "TASK_DEF", task_type, domain)
        uses = self._uses
        if key in uses:
            uses[key] += 1
        else:
            self._count(key)

    def asked(self, who: Principal, use: Use) -> None:
        self._count((who.project, who.user, who.credential, *use))

    def within(self, tx: Transaction, who: Principal, *uses: Use) -> None:
        """The same, once the transaction that needed the right is durable. One that only reads asks a question, no more."""
        if not tx.writes:
            return

        def durable() -> None:
            for use in uses:
                self.asked(who, use)

        tx.after_commit(durable)

    def seen(self, who: Principal, address: str, *, refused: bool = False) -> None:
        """A request of a credential was let through, or refused."""
        key = (who.project, who.user, who.credential or NOBODYS)
        one = self._seen.get(key)
        if one is None:
            if len(self._seen) >= MOST_WAITING:
                self.full()
                if len(self._seen) >= 5 * MOST_WAITING:
                    return
            one = self._seen[key] = _Seen()
        if refused:
            one.refused += 1
        else:
            one.ok += 1
        one.address = address

    def _count(self, key: Key) -> None:
        uses = self._uses
        found = uses.get(key)
        if found is not None:
            uses[key] = found + 1
        elif len(uses) < MOST_WAITING:
            uses[key] = 1
        else:
            self._crowded(key)

    def _crowded(self, key: Key) -> None:
        self.full()
        if len(self._uses) < 5 * MOST_WAITING:
            self._uses[key] = 1
        else:
            self.lost += 1

    def take(self) -> Taken | None:
        """All there is to write, MOST_WAITING uses of it at most; None where there is nothing. Give back what could not be written."""
        if not self._uses and not self._seen:
            return None
        keys = list(islice(self._uses, MOST_WAITING))
        taken = Taken({key: self._uses.pop(key) for key in keys}, self._seen)
        self._seen = {}
        return taken

    def give_back(self, taken: Taken) -> None:
        for key, count in taken.uses.items():
            self._uses[key] = self._uses.get(key, 0) + count
        for who, seen in taken.seen.items():
            later = self._seen.setdefault(who, _Seen())
            later.ok, later.refused, later.address = later.ok + seen.ok, later.refused + seen.refused, later.address or seen.address

    def write(self, tx: Transaction, taken: Taken) -> None:
        """In one order on every node, so that two of them do not block each other."""
        now = self.clock.now()
        for (project, user, credential), seen in sorted(taken.seen.items(), key=lambda item: item[0]):
            one = {"project_id": project, "subject": f"USER:{user}", "credential": credential, "day": now // DAY, "last_at": now}
            tx.do("credential_usage_add", ok=seen.ok, refused=seen.refused, last_from=seen.address, **one)
            tx.do("credential_used", project_id=project, id=credential, last_used_at=now, last_used_from=seen.address)
        for key, count in sorted(((_row(key), count) for key, count in taken.uses.items()), key=lambda item: item[0]):
            self._write(tx, key, count, now)

    def _write(self, tx: Transaction, key: tuple[str, ...], count: int, now: int) -> None:
        names = ("project_id", "subject", "access", "kind", "name", "domain", "credential")
        row = dict(zip(names, key, strict=True)) | {"day": now // DAY, "count": count, "last_at": now}
        if tx.do("usage_count", **row):
            return
        group = (now // DAY, key[0], key[1], key[2], key[3])
        if self._names.get(group, 0) >= MOST_NAMES:
            row |= {"name": EVERY, "domain": ""}
        else:
            tx.after_commit(lambda: self._named(group))
        tx.do("usage_insert", **row)

    def _named(self, group: tuple[int, str, str, str, str]) -> None:
        if self._names and next(iter(self._names))[0] != group[0]:
            self._names.clear()  # another day
        self._names[group] = self._names.get(group, 0) + 1

    def prune(self, tx: Transaction, project: str) -> None:
        """Forget the days that are kept no longer."""
        first = self.clock.now() // DAY - KEPT_DAYS
        tx.do("usage_prune", project_id=project, day=first)
        tx.do("credential_usage_prune", project_id=project, day=first)


def _row(key: Key) -> tuple[str, ...]:
    project, user, credential, access, kind, name, domain = key
    return project, f"USER:{user}", access, kind, name, domain, credential or NOBODYS


def uses_of(tx: Transaction, project: str, subject: str, since: int) -> list[Used]:
    """What a subject used since then (epoch ms), to the day, by any credential."""
    return [_used(row) for row in _pages(tx, {"project_id": project, "subject": subject, "day": since // DAY})]


def _pages(tx: Transaction, where: Mapping[str, str | int]) -> Iterator[Row]:
    last = {"access": "", "kind": "", "name": "", "domain": ""}
    while rows := tx.all("usage_of_subject", size=PAGE, **where, **last):
        yield from rows
        last = {word: rows[-1][word] for word in last}


def _used(row: Row) -> Used:
    return Used(Use(row["access"], row["kind"], row["name"], row["domain"]), int(row["count"]), row["last_at"])


def credentials_used(tx: Transaction, project: str, subject: str, since: int) -> list[CredentialDay]:
    """Each credential of a subject by day, newest first."""
    rows = tx.all("credential_usage_of_subject", project_id=project, subject=subject, day=since // DAY)
    return [CredentialDay(row["credential"], row["day"], row["ok"], row["refused"], row["last_at"], row["last_from"]) for row in rows]
