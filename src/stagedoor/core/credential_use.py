"""A credential as its owner is shown it, and what came of its use: by the hour, from where, for what. It may be deleted meanwhile."""

from collections.abc import Iterator
from typing import Literal

import msgspec

from stagedoor.core.console_session import idle_until
from stagedoor.core.credential import CONSOLE_SESSION, SIGN_INS
from stagedoor.core.invite import INVITE
from stagedoor.core.operator import ENTRY
from stagedoor.core.succession import hours_of
from stagedoor.core.usage import DAY, HOUR
from stagedoor.store.store import Row, Transaction

MOST_RIGHTS = 200
PAGE = 1_000
_LEFT_BEHIND = frozenset({*SIGN_INS, ENTRY, INVITE})
"""Kinds of which there are ever more. Keys stay listed, whatever became of them, until they are deleted."""
Status = Literal["ACTIVE", "PAUSED", "EXPIRED", "RETIRED", "DELETED"]


class Shown(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """Times in epoch milliseconds. `last_used_at` is late by some seconds. `replaces`: the key whose place it took; one that was rotated
    ends at `retire_at`, or after so many hours without use (core/overlap.py)."""

    id: str
    kind: str
    name: str | None
    owner: str
    mask: str | None
    status: Status
    created_at: int | None
    expires_at: int | None
    last_used_at: int | None
    last_used_from: str | None
    replaces: str | None
    retire_at: int | None
    retire_after_idle_hours: float | None


class Listed(Shown, frozen=True, kw_only=True):
    """`uses_24h`: requests that were let in, in the last 24 hours, to the hour."""

    uses_24h: int = msgspec.field(name="uses24h")


class Hour(msgspec.Struct, frozen=True):
    """What came of the requests of an hour that begins at `at`: let through, refused for want of a right (403, 404), or turned away
    with 401 though they showed this very credential, because it is paused or past its time."""

    at: int
    ok: int
    refused: int
    failed: int


class Address(msgspec.Struct, rename="camel", frozen=True):
    """`day` in days since 1970, UTC."""

    day: int
    address: str
    last_at: int


class Right(msgspec.Struct, rename="camel", frozen=True):
    """A right it made use of (docs/decisions/0021-usage-counters.md)."""

    access: str
    type: str
    id: str
    count: int
    last_used_at: int


class Counts(msgspec.Struct, rename="camel", frozen=True):
    """All of it since `since`, to the hour; what it was used for, to the day."""

    since: int
    ok: int
    refused: int
    failed: int
    hours: list[Hour]
    addresses: list[Address]
    rights: list[Right]


def shown(tx: Transaction, project: str, credential: str, now: int) -> Shown | None:
    row = tx.one("credential_shown", project_id=project, id=credential)
    return _shown(row, now) if row else None


def listed(tx: Transaction, project: str, now: int, after: str = "") -> Iterator[Listed]:
    """All credentials of a project by their ids, from that one on, with how much each was used."""
    used = uses_since(tx, project, now - DAY)
    for one in all_shown(tx, project, now, after):
        yield Listed(**msgspec.structs.asdict(one), uses_24h=used.get(one.id, 0))


def all_shown(tx: Transaction, project: str, now: int, after: str = "") -> Iterator[Shown]:
    """All credentials of a project, without what sign-ins and invitations left behind."""
    last = after
    while rows := tx.all("credentials_of_project", project_id=project, id=last, size=PAGE):
        found = (_shown(row, now) for row in rows)
        yield from (one for one in found if one.kind not in _LEFT_BEHIND or one.status != "EXPIRED")
        last = rows[-1]["id"]


def since(tx: Transaction, project: str, credential: str, owner: str, start: int) -> Counts:
    """What a credential did from then on (epoch ms)."""
    named = {"project_id": project, "credential": credential}
    rows = tx.all("credential_hours", hour=start // HOUR, **named)
    hours = [Hour(row["hour"] * HOUR, row["ok"], row["refused"], row["failed"]) for row in rows]
    places = tx.all("credential_addresses", day=start // DAY, **named)
    rights = tx.all("credential_rights_used", subject=f"USER:{owner}", day=start // DAY, size=MOST_RIGHTS, **named)
    ok, refused, failed = (sum(getattr(hour, name) for hour in hours) for name in ("ok", "refused", "failed"))
    return Counts(
        start, ok, refused, failed, hours,
        [Address(row["day"], row["address"], row["last_at"]) for row in places if row["last_at"] >= start],
        [Right(row["access"], row["kind"], row["name"], int(row["count"]), row["last_at"]) for row in rights if row["last_at"] >= start],
    )  # fmt: skip


def uses_since(tx: Transaction, project: str, start: int) -> dict[str, int]:
    """How often each credential of a project was let in since then, to the hour."""
    rows = tx.all("credential_hours_of_project", project_id=project, hour=start // HOUR)
    return {row["credential"]: int(row["ok"]) + int(row["refused"]) for row in rows}


def _shown(row: Row, now: int) -> Shown:
    return Shown(
        id=row["id"], kind=row["kind"], name=row["name"], owner=row["owner"], mask=row["mask"], status=_status(row, now),
        created_at=row["created_at"], expires_at=row["expires_at"], last_used_at=row["last_used_at"],
        last_used_from=row["last_used_from"], replaces=row["replaces"], retire_at=row["retire_at"],
        retire_after_idle_hours=hours_of(row["retire_idle"]),
    )  # fmt: skip


def _status(row: Row, now: int) -> Status:
    if row["paused_at"]:
        return "PAUSED"
    unused = row["kind"] == CONSOLE_SESSION and now >= idle_until(row)
    if unused or (row["expires_at"] and now >= row["expires_at"]):
        return "EXPIRED"
    return "RETIRED" if row["retire_at"] and now >= row["retire_at"] else "ACTIVE"
