"""Until when a secret may be used, and when somebody is told before (docs/decisions/0023-versions-and-expiry.md)."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from stagedoor.core.audit import Audit
from stagedoor.core.principal import Principal
from stagedoor.core.secret import KIND, at_text
from stagedoor.kit.errors import BadInput, NotFound
from stagedoor.store.store import Transaction

DAY = 24 * 60 * 60_000
LEAD = 7 * DAY
"""How long before the end the reminder is due where none was asked for."""
AT_ONCE = 200
"""Reminders given in one transaction."""
SERVER = "stagedoor"
"""Who the audit says gave a reminder."""
Time = Annotated[int, Meta(ge=0, lt=253_402_300_800_000)]
"""Epoch milliseconds, up to the year 9999."""


class Expiry(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What may be set. Without `remindAt` the reminder is due seven days before the end; null: none."""

    expires_at: Time | None
    remind_at: Time | UnsetType | None = UNSET

    @property
    def reminder(self) -> int | None:
        if isinstance(self.remind_at, UnsetType):
            return None if self.expires_at is None else max(0, self.expires_at - LEAD)
        return self.remind_at


class Expiring(msgspec.Struct, frozen=True, rename="camel"):
    """A secret that expires, or whose reminder is due. Times are epoch milliseconds."""

    name: str
    expires_at: int | None
    remind_at: int | None
    expired: bool


def expiry(tx: Transaction, project: str, name: str, now: int) -> Expiring:
    """NotFound by name."""
    row = tx.one("secret_expiry", project_id=project, name=name)
    if row is None:
        raise NotFound(f"there is no secret {name}")
    return _expiring(name, row["expires_at"], row["remind_at"], now)


def set_expiry(tx: Transaction, audit: Audit, who: Principal, name: str, wanted: Expiry) -> None:
    """Both anew. NotFound by name; BadInput where the reminder would come after the end. A time that is past ends it at once."""
    reminder = wanted.reminder
    if reminder is not None and wanted.expires_at is not None and reminder > wanted.expires_at:
        raise BadInput("remindAt: it is after expiresAt", "remindAt")
    changed = tx.do("secret_set_expiry", project_id=who.project, name=name, expires_at=wanted.expires_at, remind_at=reminder)
    if not changed:
        raise NotFound(f"there is no secret {name}")
    audit.change(tx, who, "secret.expiry", f"{KIND} {name}", f"expires {_told(wanted.expires_at)}, reminder {_told(reminder)}")


def expiring(tx: Transaction, project: str, now: int, days: int) -> list[Expiring]:
    """What has expired, or expires or wants a reminder within so many days; soonest first."""
    rows = tx.all("secrets_expiring", project_id=project, until=now + days * DAY)
    return [_expiring(row["name"], row["expires_at"], row["remind_at"], now) for row in rows]


def remind(tx: Transaction, audit: Audit, project: str, now: int) -> list[Expiring]:
    """Those of a project whose reminder is due and was not given yet this day (UTC): each is given, and audited, by one node alone."""
    today = {"now": now, "today": now - now % DAY}
    due = tx.all("secrets_to_remind", project_id=project, size=AT_ONCE, **today)
    given = [row for row in due if tx.do("secret_reminded", project_id=project, name=row["name"], **today)]
    for row in given:
        audit.change(tx, Principal(project, SERVER), "secret.remind", f"{KIND} {row['name']}", f"expires {_told(row['expires_at'])}")
    return [_expiring(row["name"], row["expires_at"], None, now) for row in given]


def _told(at: int | None) -> str:
    return "never" if at is None else at_text(at)


def _expiring(name: str, expires_at: int | None, remind_at: int | None, now: int) -> Expiring:
    return Expiring(name, expires_at, remind_at, expires_at is not None and expires_at <= now)
