"""Rotation by overlap, one way for every kind of key: a new one beside the old, which retires at a time, for want of use, or at once
(docs/decisions/0037-rotation-by-overlap.md).

The new key has the owner, name, ceiling and expiry of the old one, and names it in `replaces`. Each is counted by itself, so that who still
comes by the old one is seen (`GET /api/usage/credentials/{id}`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import msgspec

from stagedoor.core.api_key import KIND as API_KEY_KIND
from stagedoor.core.audit import Audit
from stagedoor.core.credential import ACCESS_KEY, Credentials, end_of, refuses_to_make
from stagedoor.core.epoch import subject_changed
from stagedoor.core.principal import APPLICATION_PREFIX, Principal, group_of
from stagedoor.core.project_key import SECRET_KEY, ProjectKeys
from stagedoor.core.revocation import check_still_good
from stagedoor.core.usage import DAY, HOUR
from stagedoor.kit import keyformat
from stagedoor.kit.clock import Clock
from stagedoor.kit.crypto import digest
from stagedoor.kit.errors import BadInput, Conflict, Forbidden, NotFound
from stagedoor.kit.ids import NewId
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store.store import Row, Transaction

GRACE = 7 * DAY
"""How long the old key stays where nothing is said (as with Kernel; contract/orchestrator-keys.md)."""
LONGEST = 3650 * DAY
MARGIN = 10 * 60_000
"""Uses are written seconds late, by a server with very many keys at work some minutes (core/usage.py): so much longer a key is left."""
PORTION = 100
RETIRER = "stagedoor-retirement"
"""Who retires what nobody uses, in the audit."""
Fresh = Callable[[Transaction, Principal, str], tuple[SecretValue, dict[str, object]]]
"""The secret of a new key with this id, and the columns of its row that come of it: `digest`, `mask`, `kid`."""


class Rotation(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """How the old key goes: at a time (epoch ms), once it was not used for so many hours, whichever comes first, or at once. Nothing: in
    seven days."""

    retire_at: int | None = None
    retire_after_idle_hours: float | None = None
    now: bool = False


@dataclass(frozen=True, slots=True)
class Which:
    """A key as its address names it. `owner`: whose it must be."""

    kind: str
    owner: str
    id: str


@dataclass(frozen=True, slots=True)
class Rotated:
    """The new key, shown this once, and the old one's end: `retire_at` in epoch ms, `retire_idle` ms without use."""

    id: str
    name: str | None
    secret: SecretValue = field(repr=False)
    mask: str
    created_at: int
    replaces: str
    retire_at: int | None
    retire_idle: int | None


@dataclass(frozen=True)
class Overlap:
    clock: Clock
    new_id: NewId
    audit: Audit
    credentials: Credentials
    fresh: Mapping[str, Fresh]
    """By kind."""

    def rotate(self, tx: Transaction, who: Principal, which: Which, how: Rotation) -> Rotated:
        """Conflict where the old one has ended or is paused, or a successor of it lives; Forbidden to a credential with a ceiling."""
        _may(who)
        now, key_id = self.clock.now(), self.new_id()
        secret, columns = self.fresh[which.kind](tx, who, key_id)
        old, successors = self._old(tx, who, which)
        if self._past(old):
            raise Conflict(f"key {which.id} has ended: make a new one")
        if old["paused_at"]:
            raise Conflict(f"key {which.id} is paused, and its successor would work: resume it first, or make a new key")
        if live := [row["id"] for row in successors if not self._past(row)]:
            raise Conflict(f"key {which.id} was rotated already: delete {live[0]}, which takes its place, or roll back")
        retire_at, retire_idle = retirement_of(how, now)
        taken_over = {name: old[name] for name in ("owner", "name", "ceiling", "expires_at")}
        self.credentials.insert(tx, who, which.kind, {**taken_over, **columns, "id": key_id, "created_at": now, "replaces": which.id})
        self.credentials.set_retirement(tx, old, retire_at, retire_idle)
        self.audit.change(tx, who, f"{which.kind}.rotate", _target(which), f"{key_id} takes the place of {which.id}; {_told(how)}")
        return Rotated(key_id, old["name"], secret, str(columns["mask"]), now, which.id, retire_at, retire_idle)

    def rollback(self, tx: Transaction, who: Principal, which: Which) -> None:
        """The old key stays as if it had never been rotated, and its successor is deleted. Conflict unless both live, or the successor is
        deleted already; where it was rotated itself; and where the old one is paused, since nothing that works would be left."""
        _may(who)
        old, successors = self._old(tx, who, which)
        if self._past(old):
            raise Conflict(f"key {which.id} has ended: there is nothing to go back to")
        if old["paused_at"]:
            raise Conflict(f"key {which.id} is paused: resume it first, or no key that works is left")
        if old["retire_at"] is None and old["retire_idle"] is None:
            raise Conflict(f"key {which.id} was not rotated")
        for row in successors[:1]:
            if self._past(row) or tx.all("keys_replacing", project_id=who.project, id=row["id"]):
                raise Conflict(f"key {row['id']}, which takes the place of {which.id}, has ended or was rotated itself")
            tx.do("credential_delete", project_id=who.project, id=row["id"])
        self.credentials.set_retirement(tx, old, None, None)
        gone = ", ".join(row["id"] for row in successors[:1]) or "none was left"
        self.audit.change(tx, who, f"{which.kind}.rollback", _target(which), f"{which.id} stays; deleted in its place: {gone}")

    def _old(self, tx: Transaction, who: Principal, which: Which) -> tuple[Row, list[Row]]:
        """It and its successors, newest first; others that rotate it wait, and so does whoever ends the caller's credential, which is
        asked here once more."""
        for subject in sorted({f"USER:{which.owner}", who.subject}, key=partial(group_of, who.project)):
            subject_changed(tx, who.project, subject)
        check_still_good(tx, self.credentials, who)
        row = tx.one("key_to_rotate", project_id=who.project, id=which.id)
        if row is None or (row["kind"], row["owner"]) != (which.kind, which.owner):
            raise NotFound(f"there is no key {which.id}")
        if self.credentials.tampered(tx, row) is not None:
            raise Conflict(f"key {which.id} is not as this program wrote it: delete it")
        return row, tx.all("keys_replacing", project_id=who.project, id=which.id)

    def _past(self, row: Row) -> bool:
        end = end_of(row)
        return end is not None and self.clock.now() >= end


def retirement_of(how: Rotation, now: int) -> tuple[int | None, int | None]:
    """(time, ms without use) at which the old key ends. BadInput names the field."""
    if how.now:
        if how.retire_at is not None or how.retire_after_idle_hours is not None:
            raise BadInput("now: nothing else is said of a key that ends at once", "now")
        return now, None
    hours = how.retire_after_idle_hours
    if hours is not None and not 0 < hours * HOUR <= LONGEST:
        raise BadInput(f"retireAfterIdleHours: more than 0, at most {LONGEST // HOUR}", "retireAfterIdleHours")
    if how.retire_at is not None and not now < how.retire_at <= now + LONGEST:
        raise BadInput("retireAt: it must be a time to come, in epoch milliseconds, at most ten years away", "retireAt")
    idle = None if hours is None else max(1, round(hours * HOUR))
    return (now + GRACE if how.retire_at is None and idle is None else how.retire_at), idle


def retire_unused(tx: Transaction, credentials: Credentials, project: str, candidate: Row) -> bool:
    """Ends a key that was found to be idle, unless it was used, or something was done with it, meanwhile."""
    subject_changed(tx, project, f"USER:{candidate['owner']}")
    now = credentials.clock.now()
    row = tx.one("key_to_rotate", project_id=project, id=candidate["id"]) if unused_keys(tx, project, now, candidate["id"]) else None
    if row is None or credentials.tampered(tx, row) is not None:  # such a one proves nothing anyway
        return False
    credentials.set_retirement(tx, row, now, row["retire_idle"])
    unused = f"not used for {row['retire_idle'] / HOUR:g} hours"
    credentials.audit.change(tx, Principal(project, RETIRER), f"{row['kind']}.retire", f"CREDENTIAL {row['id']}", unused)
    return True


def unused_keys(tx: Transaction, project: str, now: int, key_id: str | None = None) -> list[Row]:
    """`id` and `owner` of rotated keys, or of one, that nobody has used for as long as was said and MARGIN more."""
    return tx.all("keys_idle", project_id=project, now=now, before=now - MARGIN, id=key_id, portion=PORTION)


def overlap_of(credentials: Credentials, project_keys: ProjectKeys) -> Overlap:
    """For the kinds that there are."""
    kinds: dict[str, Fresh] = {
        ACCESS_KEY: lambda tx, who, key_id: _random(keyformat.ACCESS_KEY),
        API_KEY_KIND: lambda tx, who, key_id: _random(keyformat.API_KEY),
        SECRET_KEY: project_keys.fresh,
    }
    return Overlap(credentials.clock, credentials.new_id, credentials.audit, credentials, kinds)


def _random(form: keyformat.KeyFormat) -> tuple[SecretValue, dict[str, object]]:
    secret = form.new()
    return SecretValue(secret), {"digest": digest(secret), "mask": form.mask(secret)}


def _may(who: Principal) -> None:
    if refuses_to_make(who):
        raise Forbidden("You don't have permissions to rotate a key (missing: a credential without a ceiling)")


def _target(which: Which) -> str:
    """In the audit; of an access key its application, as where one is made: whoever has a key of an application can be it."""
    return f"APPLICATION {which.owner.removeprefix(APPLICATION_PREFIX)}" if which.kind == ACCESS_KEY else f"CREDENTIAL {which.id}"


def _told(how: Rotation) -> str:
    if how.now:
        return "it ends at once"
    said = [
        f"at {how.retire_at}" if how.retire_at is not None else "",
        f"when it was not used for {how.retire_after_idle_hours:g} hours" if how.retire_after_idle_hours is not None else "",
    ]
    return f"it ends {' or '.join(filter(None, said)) or 'in seven days'}"
