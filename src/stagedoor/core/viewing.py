"""What viewing a secret demands: no more than READ, or that a second person has agreed (docs/decisions/0027-uses-and-releases.md)."""

from typing import Annotated, Literal

import msgspec

from stagedoor.core.principal import OPERATOR_PREFIX, Principal
from stagedoor.kit.errors import Forbidden, NotFound
from stagedoor.store.store import Transaction

KIND = "SECRET_NAME"
VIEW = "view"
PENDING, APPROVED = "pending", "approved"
MINUTE = 60_000
Minutes = Annotated[int, msgspec.Meta(ge=1, le=24 * 60)]


class Viewing(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """`release` `four-eyes`: the value is shown to a person for whom another person released it, for `max_minutes` at most.

    Then no right alone carries it out: of applications only `workers` are handed it (their ids), no person that polls is, and HTTP tasks
    send it to the hosts of its policy alone. `workers` None in a request: those that it was handed to of late."""

    release: Literal["four-eyes"] | None = None
    max_minutes: Minutes = 60
    workers: tuple[str, ...] | None = None

    @property
    def demanded(self) -> bool:
        return self.release is not None

    def hands_to(self, consumer: Principal) -> bool:
        """Whether a worker may be handed the value, as far as this goes."""
        if not self.demanded:
            return True
        return consumer.is_application and consumer.user.removeprefix("app:") in (self.workers or ())

    def no_wider_than(self, other: "Viewing") -> bool:
        """Whether all that this lets through is let through by `other`."""
        if not other.demanded:
            return True
        fewer = set(self.workers or ()) <= set(other.workers or ())
        return self.demanded and self.max_minutes <= other.max_minutes and fewer


class Standing(msgspec.Struct, frozen=True):
    """A secret's row, as far as this module goes. `policy` is JSON (core/secret.py)."""

    secret_id: str
    policy: str
    viewing: Viewing


def standing(tx: Transaction, project: str, name: str) -> Standing:
    """NotFound by name."""
    row = tx.one("secret_standing", project_id=project, name=name)
    if row is None:
        raise NotFound(f"there is no secret {name}")
    viewing = msgspec.json.decode(row["viewing"], type=Viewing) if row["viewing"] else Viewing()
    return Standing(row["secret_id"], row["policy"], viewing)


def demand_release(tx: Transaction, who: Principal, name: str, now: int) -> str:
    """Before a value is shown, in its transaction: Forbidden where a release is demanded and `who` has none.

    What the audit shall say of it: by which release, and why; empty where none is demanded."""
    found = standing(tx, who.project, name)
    if not found.viewing.demanded:
        return ""
    asked = {"project_id": who.project, "secret_id": found.secret_id, "asker": who.user, "kind": VIEW}
    if not who.is_application:
        for row in tx.all("release_open", status=APPROVED, now=now, **asked):
            if still_the_same(tx, who, row["asked_at"]):
                return f"release {row['release_id']}: {row['reason']}"
    raise Forbidden(f"You don't have permissions to view secret: {name} (missing: {_way(who, name)})")


def still_the_same(tx: Transaction, who: Principal, asked_at: int) -> bool:
    """Whether the account is the one that asked then: one made anew under its name inherits nothing."""
    if who.user.startswith(OPERATOR_PREFIX):
        return True
    account = tx.one("account_by_id", project_id=who.project, user_id=who.user)
    return account is not None and account["created_at"] <= asked_at


def _way(who: Principal, name: str) -> str:
    if who.is_application:
        return "a release by a second person, which applications cannot have; a person asks for one"
    ask = f'POST /api/secrets/{name}/releases {{"reason": ..., "minutes": ...}}'
    return f"a release by a second person; ask for one with {ask}"
