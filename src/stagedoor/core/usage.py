"""What was really used: counters in memory on the way of every verdict, rows for the last 90 days (docs/decisions/0021-usage-counters.md).

A use is an allowed question that led to a deed. Questions that only filter a list, or that somebody asks about another, are none.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from stagedoor.core.permission import Access, Resource
from stagedoor.core.principal import Principal
from stagedoor.core.role import EVERY, ROUTE_PERMISSIONS, Effects
from stagedoor.core.tally import Tally
from stagedoor.kit.clock import Clock
from stagedoor.store.store import Row, Transaction

DAY = 24 * 60 * 60_000
KEPT_DAYS = 90
MOST_WAITING = 2_000
"""New uses in memory from which on they are written at once; what does not fit into five times as many is lost."""
MOST_KNOWN = 100_000
"""Uses of today that a process remembers to have written."""
MOST_NAMES = 1_000
"""Different names of one kind that one subject's day holds; the others stand under `*`: it uses so many that only all of them will do."""
PAGE = 5_000
HOUR = 60 * 60_000
KEPT_HOUR_DAYS = 30
"""Days for which there are counts by the hour, and addresses."""
MOST_ADDRESSES = 20
"""Addresses of one credential that a day holds: those it was used from last."""
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
Credential = tuple[str, str, str]
"""Project, user, credential."""


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
    """`failed`: 401 in spite of a good secret or signature. `address`: of the last request that was let in; `others`: of those before it,
    and of those that failed, the newest last."""

    ok: int = 0
    refused: int = 0
    failed: int = 0
    address: str = ""
    others: dict[str, None] = field(default_factory=dict)

    def also_from(self, address: str) -> None:
        self.others.pop(address, None)
        self.others[address] = None
        if len(self.others) >= MOST_ADDRESSES:
            del self.others[next(iter(self.others))]

    @property
    def addresses(self) -> set[str]:
        return {*self.others, self.address} - {""}


def _both(earlier: _Seen, later: _Seen) -> _Seen:
    both = _Seen(earlier.ok + later.ok, earlier.refused + later.refused, earlier.failed + later.failed, later.address or earlier.address)
    for address in (*earlier.others, earlier.address, *later.others):
        if address and address != both.address:
            both.also_from(address)
    return both


@dataclass(frozen=True, slots=True)
class Taken:
    """Counts on their way to the store."""

    uses: list[tuple[Key, int]]
    seen: list[tuple[Credential, _Seen]]
    day: int


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
    _uses: Tally[Key, int] = field(default_factory=lambda: Tally(int.__add__, MOST_KNOWN))
    _seen: Tally[Credential, _Seen] = field(default_factory=lambda: Tally(_both, MOST_KNOWN))
    _names: dict[tuple[str, str, str, str], int] = field(default_factory=dict)
    _day: int = 0
    _from: dict[Credential, str] = field(default_factory=dict)
    """The one address that a credential's last written counts came from."""

    def add(self, who: Principal, access: Access, resource: Resource) -> None:
        """A right was used. On the hot path."""
        if who.execution is not None:
            self.asked(who, Use(access, *resource))
            return
        key = (who.project, who.user, who.credential, access._value_, resource[0], resource[1], "")
        uses = self._uses.again
        if key in uses:  # in line: a call more would be a third of all this costs
            uses[key] += 1
        else:
            self._count(key)

    def polled(self, who: Principal, task_type: str, domain: str) -> None:
        """The right to take such tasks was used. On the hot path too."""
        key = (who.project, who.user, who.credential, POLL, "TASK_DEF", task_type, domain)
        uses = self._uses.again
        if key in uses:
            uses[key] += 1
        else:
            self._count(key)

    def asked(self, who: Principal, use: Use) -> None:
        if who.execution is None:
            self._count((who.project, who.user, who.credential, *use))
            return
        for user in who.execution.holders:  # what a run may rests on what each of them holds
            self._count((who.project, user, NOBODYS, *use))

    def within(self, tx: Transaction, who: Principal, *uses: Use) -> None:
        """The same, once the transaction that needed the right is durable. One that only reads asks a question, no more."""
        self.all_within(tx, [(who, use) for use in uses])

    def all_within(self, tx: Transaction, uses: Sequence[tuple[Principal, Use]]) -> None:
        """The same of several."""
        if not tx.writes:
            return

        def durable() -> None:
            for who, use in uses:
                self.asked(who, use)

        tx.after_commit(durable)

    def seen(self, who: Principal, address: str, *, refused: bool = False) -> None:
        """A request of a credential was let through, or refused."""
        user = who.user if who.execution is None else who.execution.worker
        key = (who.project, user, who.credential or NOBODYS)
        one = self._seen.again.get(key) or self._seen.place(key).get(key) or self._first_seen(key)
        if one is None:
            return
        if refused:
            one.refused += 1
        else:
            one.ok += 1
        if address != one.address:
            if one.address:
                one.also_from(one.address)
            one.address = address

    def failed(self, key: Credential, address: str) -> None:
        """A request was turned away though it showed a credential's own secret or token: it is paused, or past its time."""
        one = self._seen.place(key).get(key) or self._first_seen(key)
        if one is not None:
            one.failed += 1
            one.also_from(address)

    def _first_seen(self, key: Credential) -> _Seen | None:
        seen = self._seen.place(key)
        if not self._room(seen):
            return None
        one = seen[key] = _Seen()
        return one

    def _count(self, key: Key) -> None:
        uses = self._uses.place(key)
        if key in uses:
            uses[key] += 1
        elif self._room(uses):
            uses[key] = 1
        else:
            self.lost += 1

    def _room(self, counts: Mapping[Any, Any]) -> bool:
        """What is known is bounded already; what is new must not wait in any number."""
        if len(counts) < MOST_WAITING or counts is self._uses.again or counts is self._seen.again:
            return True
        self.full()
        return len(counts) < 5 * MOST_WAITING

    def take(self, again: int = MOST_WAITING) -> Taken | None:
        """What there is to write: MOST_WAITING of each sort at most, of what only grows `again`; None where there is nothing.

        Give back what could not be written."""
        today = self.clock.now() // DAY
        if today != self._day:
            self._day = today
            self._names.clear()
            self._from.clear()
            self._uses.new_day()
            self._seen.new_day()
        uses = self._uses.take(MOST_WAITING, again, self._written_as)
        seen = self._seen.take(MOST_WAITING, again, lambda key: key)
        return Taken(uses, seen, today) if uses or seen else None

    def give_back(self, taken: Taken) -> None:
        self._uses.give_back(taken.uses)
        self._seen.give_back(taken.seen)

    def _written_as(self, key: Key) -> Key:
        """A name beyond the first MOST_NAMES of its subject, access and kind today is written as all of them."""
        project, user, credential, access, kind, _, _ = key
        group = (project, user, access, kind)
        found = self._names.get(group, 0)
        if found >= MOST_NAMES:
            return project, user, credential, access, kind, EVERY, ""
        self._names[group] = found + 1
        return key

    def write(self, tx: Transaction, taken: Taken) -> None:
        """In one order on every node, so that two of them do not block each other."""
        now = self.clock.now()
        day = {"day": taken.day, "last_at": now}
        seen = [
            {"project_id": project, "subject": f"USER:{user}", "credential": credential, "ok": seen.ok, "refused": seen.refused,
             "failed": seen.failed, "hour": now // HOUR, "last_from": seen.address} | day
            for (project, user, credential), seen in sorted(taken.seen, key=lambda item: item[0])
        ]  # fmt: skip
        let_in = [row for row in seen if row["ok"] or row["refused"]]
        tx.do_each("credential_usage_add", let_in)
        tx.do_each("credential_used", let_in)
        tx.do_each("credential_hour_add", seen)
        self._write_addresses(tx, taken, day)
        tx.do_each("usage_add", [_row(key, count) | day for key, count in sorted(taken.uses, key=lambda item: _row_key(item[0]))])

    def _write_addresses(self, tx: Transaction, taken: Taken, day: Mapping[str, int]) -> None:
        """Those of a day beyond the newest go; where all came from the one address that is written already, there are none."""
        places: list[dict[str, str | int]] = []
        more: list[dict[str, str | int]] = []
        for key, seen in sorted(taken.seen, key=lambda item: item[0]):
            named: dict[str, str | int] = {"project_id": key[0], "credential": key[2], **day}
            places += [named | {"address": address} for address in sorted(seen.addresses)]
            if seen.others or self._from.get(key) != seen.address:
                more.append(named | {"most": MOST_ADDRESSES})
        tx.do_each("credential_address_add", places)
        tx.do_each("credential_address_trim", more)
        tx.after_commit(lambda: self._written_from({key: "" if seen.others else seen.address for key, seen in taken.seen}))

    def _written_from(self, written: Mapping[Credential, str]) -> None:
        if len(self._from) > MOST_KNOWN:
            self._from.clear()
        self._from.update(written)

    def prune(self, tx: Transaction, project: str) -> None:
        """Forget the days that are kept no longer."""
        today = self.clock.now() // DAY
        tx.do("usage_prune", project_id=project, day=today - KEPT_DAYS)
        tx.do("credential_usage_prune", project_id=project, day=today - KEPT_DAYS)
        tx.do("credential_hour_prune", project_id=project, hour=(today - KEPT_HOUR_DAYS) * 24)
        tx.do("credential_address_prune", project_id=project, day=today - KEPT_HOUR_DAYS)


def _row_key(key: Key) -> tuple[str, ...]:
    project, user, credential, *asked = key
    return project, user, credential or NOBODYS, *asked


def _row(key: Key, count: int) -> dict[str, str | int]:
    project, user, credential, access, kind, name, domain = key
    return {
        "project_id": project, "subject": f"USER:{user}", "credential": credential or NOBODYS,
        "access": access, "kind": kind, "name": name, "domain": domain, "count": count,
    }  # fmt: skip


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
