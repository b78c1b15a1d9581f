"""Releases: what one person asks for on a guarded secret and another person must agree to (docs/decisions/0027-uses-and-releases.md).

Asked for in this way: to view the value for some minutes, and every change that would open a way around that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NoReturn

import msgspec

from stagedoor.core.audit import Audit
from stagedoor.core.epoch import project_changed
from stagedoor.core.eyes import another_person, second_pair
from stagedoor.core.grant import must_hold
from stagedoor.core.permission import Access, Resource
from stagedoor.core.principal import Principal
from stagedoor.core.receipt import DAY, KEPT_DAYS, handed_to
from stagedoor.core.secret import Policy, Secrets
from stagedoor.core.viewing import APPROVED, KIND, MINUTE, PENDING, VIEW, Minutes, Standing, Viewing, standing, still_the_same
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import BadInput, Conflict, Forbidden, NotFound
from stagedoor.kit.strictjson import check_name
from stagedoor.store.store import Row, Transaction

VIEWING, POLICY = "viewing", "policy"
WAITS = DAY
"""A request that nobody decides is over."""
LISTED, MOST_WORKERS = 200, 1_000
NEEDS = {VIEW: (Access.READ,), VIEWING: (Access.READ, Access.UPDATE), POLICY: (Access.READ, Access.UPDATE)}
"""What the asker must hold, when it asks and when another person agrees."""
Status = Literal["pending", "approved", "denied", "withdrawn", "revoked", "over"]


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request to view: why, and for how long."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    minutes: Minutes = 15


class Release(msgspec.Struct, frozen=True, rename="camel"):
    """`kind`: view, or the change asked for (viewing, policy), with its body in `change`. Times in epoch milliseconds.

    `ends_at`: until when it can be decided, or once it is approved until when the asker may view."""

    id: str
    kind: str
    asker: str
    reason: str
    minutes: int | None
    change: msgspec.Raw | None
    status: Status
    asked_at: int
    decided_by: str | None
    decided_at: int | None
    ends_at: int


@dataclass(frozen=True)
class Releases:
    secrets: Secrets

    @property
    def clock(self) -> Clock:
        return self.secrets.clock

    @property
    def audit(self) -> Audit:
        return self.secrets.audit

    def viewing(self, tx: Transaction, project: str, name: str) -> Viewing:
        return standing(tx, project, name).viewing

    def set_viewing(self, tx: Transaction, who: Principal, name: str, wanted: Viewing, reason: str = "") -> Release | None:
        """None where it is in force now; else what another person must agree to, for it would let more through."""
        project_changed(tx, who.project)
        found = self._locked(tx, who, name)
        wanted = self._completed(tx, who.project, found, wanted)
        if wanted.no_wider_than(found.viewing):
            self._put_viewing(tx, who, name, wanted)
            return None
        return self._ask(tx, who, (name, found), VIEWING, (reason or f"to change what viewing {name} demands", 0, wanted))

    def set_policy(self, tx: Transaction, who: Principal, name: str, policy: Policy, reason: str = "") -> Release | None:
        """As `Secrets.set_policy`; of a guarded secret, a policy that lets more through waits for another person."""
        project_changed(tx, who.project)
        found = self._locked(tx, who, name)
        before = msgspec.json.decode(found.policy, type=Policy)
        if not found.viewing.demanded or no_wider(policy, before):
            self.secrets.set_policy(tx, who, name, policy)
            return None
        return self._ask(tx, who, (name, found), POLICY, (reason or f"to change the policy of {name}", 0, policy))

    def ask(self, tx: Transaction, who: Principal, name: str, ask: Ask) -> Release:
        """To view the value. Conflict where no release is demanded."""
        found = self._locked(tx, who, name)
        if not found.viewing.demanded:
            raise Conflict(f"secret {name} demands no release: whoever may READ it can view it")
        if ask.minutes > found.viewing.max_minutes:
            raise BadInput(f"minutes: at most {found.viewing.max_minutes} for secret {name}", "minutes")
        return self._ask(tx, who, (name, found), VIEW, (ask.reason, ask.minutes, None))

    def of(self, tx: Transaction, project: str, name: str) -> list[Release]:
        """The newest, decided or not."""
        found = standing(tx, project, name)
        rows = tx.all("releases_of_secret", project_id=project, secret_id=found.secret_id, size=LISTED)
        return [self._release(row) for row in rows]

    def approve(self, tx: Transaction, who: Principal, name: str, release_id: str) -> Release:
        """By another person, whose right to it does not come from the asker. What was asked for is in force with the answer."""
        project_changed(tx, who.project)
        found, row = self._decided(tx, who, name, release_id)
        if row["status"] != PENDING or row["ends_at"] <= self.clock.now():
            raise Conflict(f"release {release_id} cannot be approved any more: it is {self._release(row).status}")
        asker = Principal(who.project, row["asker"])
        if not still_the_same(tx, asker, row["asked_at"]):
            raise Conflict(f"{asker.user} is not the user any more who asked for release {release_id}: deny it")
        second_pair(tx, who, asker, Resource(KIND, name))
        must_hold(tx, asker, Resource(KIND, name), *NEEDS[row["kind"]])
        ends = self.clock.now() + row["minutes"] * MINUTE
        if row["kind"] == VIEW and row["minutes"] > found.viewing.max_minutes:
            raise Conflict(f"release {release_id} is for more than the {found.viewing.max_minutes} minutes that are taken now: deny it")
        self._decide(tx, who, row, APPROVED, ends)
        self.audit.change(tx, who, "secret.release.approve", f"{KIND} {name}", _told(row))
        self._carry_out(tx, asker, name, row)
        return self._read(tx, who, found, release_id)

    def end(self, tx: Transaction, who: Principal, name: str, release_id: str) -> Release:
        """Withdrawn by the asker; by others, who need UPDATE as well, denied or, once approved, revoked: effective with the answer."""
        found, row = self._decided(tx, who, name, release_id)
        if row["asker"] != who.user:
            must_hold(tx, who, Resource(KIND, name), Access.UPDATE)
        status = "withdrawn" if row["asker"] == who.user else "denied" if row["status"] == PENDING else "revoked"
        if row["status"] in (PENDING, APPROVED) and row["ends_at"] > self.clock.now():
            self._decide(tx, who, row, status, self.clock.now())
            self.audit.change(tx, who, f"secret.release.{status}", f"{KIND} {name}", _told(row))
        return self._read(tx, who, found, release_id)

    def _ask(self, tx: Transaction, who: Principal, secret: tuple[str, Standing], kind: str, asked: tuple[str, int, Any]) -> Release:
        (name, found), (reason, minutes, change) = secret, asked
        if not another_person(who, None):
            raise Forbidden(f"You don't have permissions to ask for a release of secret: {name} (missing: a person; {who.user} is none)")
        check_name(reason, "reason")
        now, release_id = self.clock.now(), self.secrets.new_id()
        mine = {"project_id": who.project, "secret_id": found.secret_id, "asker": who.user, "kind": kind}
        if tx.all("release_open", status=PENDING, now=now, **mine):
            raise Conflict(f"there is a request of {who.user} for secret {name} that nobody has decided yet: withdraw it first")
        tx.do(
            "release_add", release_id=release_id, reason=reason, minutes=minutes, change=msgspec.json.encode(change).decode(),
            asked_at=now, status=PENDING, ends_at=now + WAITS, **mine,
        )  # fmt: skip
        release = self._read(tx, who, found, release_id)
        self.audit.change(tx, who, "secret.release.ask", f"{KIND} {name}", f"release {release_id}, {kind}, {minutes} minutes: {reason}")
        return release

    def _carry_out(self, tx: Transaction, asker: Principal, name: str, row: Row) -> None:
        if row["kind"] == VIEWING:
            self._put_viewing(tx, asker, name, msgspec.json.decode(row["change"], type=Viewing))
        elif row["kind"] == POLICY:
            self.secrets.set_policy(tx, asker, name, msgspec.json.decode(row["change"], type=Policy))

    def _put_viewing(self, tx: Transaction, who: Principal, name: str, viewing: Viewing) -> None:
        text = msgspec.json.encode(viewing).decode() if viewing.demanded else ""
        tx.do("secret_set_viewing", project_id=who.project, name=name, viewing=text)
        told = f"{viewing.max_minutes} minutes, workers {', '.join(viewing.workers or ()) or 'none'}" if viewing.demanded else "no release"
        self.audit.change(tx, who, "secret.viewing", f"{KIND} {name}", told)

    def _completed(self, tx: Transaction, project: str, found: Standing, wanted: Viewing) -> Viewing:
        """With the workers as they are, or at first those that it was handed to."""
        if wanted.workers is not None or not wanted.demanded:
            return wanted
        if found.viewing.demanded:
            return msgspec.structs.replace(wanted, workers=found.viewing.workers)
        first = self.clock.now() // DAY - KEPT_DAYS
        handed = [Principal(project, user) for user in handed_to(tx, project, found.secret_id, first, MOST_WORKERS)]
        return msgspec.structs.replace(wanted, workers=tuple(one.user.removeprefix("app:") for one in handed if one.is_application))

    def _locked(self, tx: Transaction, who: Principal, name: str) -> Standing:
        """Changes of one secret follow one another, and whoever views it comes before or after."""
        tx.one("secret_locked", project_id=who.project, name=name)
        return standing(tx, who.project, name)

    def _decided(self, tx: Transaction, who: Principal, name: str, release_id: str) -> tuple[Standing, Row]:
        found = self._locked(tx, who, name)
        row = tx.one("release_locked", project_id=who.project, secret_id=found.secret_id, release_id=release_id)
        if row is None:
            raise NotFound(f"secret {name} has no release {release_id}")
        return found, row

    def _decide(self, tx: Transaction, who: Principal, row: Row, status: str, ends_at: int) -> None:
        tx.do(
            "release_decide", project_id=who.project, release_id=row["release_id"], status=status, decided_by=who.user,
            decided_at=self.clock.now(), ends_at=ends_at,
        )  # fmt: skip

    def _read(self, tx: Transaction, who: Principal, found: Standing, release_id: str) -> Release:
        row = tx.one("release_locked", project_id=who.project, secret_id=found.secret_id, release_id=release_id)
        return self._release(row) if row else _lost(release_id)

    def _release(self, row: Row) -> Release:
        over = row["status"] == PENDING and row["ends_at"] <= self.clock.now()
        over = over or (row["status"] == APPROVED and row["kind"] == VIEW and row["ends_at"] <= self.clock.now())
        return Release(
            row["release_id"], row["kind"], row["asker"], row["reason"], row["minutes"] or None,
            None if row["kind"] == VIEW else msgspec.Raw(row["change"].encode()), "over" if over else row["status"],
            row["asked_at"], row["decided_by"], row["decided_at"], row["ends_at"],
        )  # fmt: skip


def no_wider(policy: Policy, before: Policy) -> bool:
    """Whether all that `policy` lets through was let through before, of a guarded secret: where it has no list of hosts, none is on it."""
    fields: Sequence[tuple[tuple[str, ...] | None, tuple[str, ...] | None]] = (
        (policy.workflows, before.workflows), (policy.task_types, before.task_types), (policy.places, before.places),
    )  # fmt: skip
    rest = all(old is None or (new is not None and set(new) <= set(old)) for new, old in fields)
    return rest and set(policy.hosts or ()) <= set(before.hosts or ())


def _told(row: Row) -> str:
    return f"release {row['release_id']}, {row['kind']}, asked by {row['asker']}: {row['reason']}"


def _lost(release_id: str) -> NoReturn:
    raise NotFound(f"there is no release {release_id}")
