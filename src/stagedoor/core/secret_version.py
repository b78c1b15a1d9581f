"""Versions of a secret: listed without their values, rolled back to, destroyed (docs/decisions/0023-versions-and-expiry.md)."""

import msgspec

from stagedoor.core.principal import Principal
from stagedoor.core.secret import KIND, Destroyed, Secrets
from stagedoor.kit.errors import Conflict, NotFound
from stagedoor.store.store import Row, Transaction

PAGE = 1000
_HIGHEST = 2**31 - 1


class Version(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One version, without its value. Times are epoch milliseconds; `current`: the one that is used."""

    version: int
    created_by: str
    created_at: int
    current: bool
    destroyed_at: int | None = None


def versions(tx: Transaction, project: str, name: str, before: int = _HIGHEST) -> list[Version]:
    """The newest thousand below `before`, newest first. NotFound by name."""
    secret = _secret(tx, project, name)
    rows = tx.all("secret_versions", secret_id=secret["secret_id"], before=before, size=PAGE)
    return [
        Version(row["version"], row["created_by"], row["created_at"], row["version"] == secret["version"], row["destroyed_at"])
        for row in rows
    ]


def roll_back(tx: Transaction, secrets: Secrets, who: Principal, name: str, version: int) -> int:
    """The number of a new version with an old one's value, as `vault kv rollback` makes it. NotFound names what is not there;
    Conflict where the version was destroyed, or the secret lives in an external store."""
    secret = _locked(tx, who.project, name)
    if secret["source"] is not None:
        raise Conflict(f"secret {name} lives in an external store: roll it back there")
    _check_there(tx, secret, version)
    try:
        value = secrets.open_version(tx, who.project, secret["secret_id"], version)
    except Destroyed:
        raise Conflict(f"version {version} of secret {name} was destroyed: its value is gone for ever") from None
    new = secrets.add_version(tx, who, name, secret, value.reveal().encode())
    secrets.audit.change(tx, who, "secret.rollback", f"{KIND} {name}", f"version {new}, from version {version}")
    return new


def refuse_in_use(tx: Transaction, project: str, name: str, version: int) -> None:
    """Conflict for the version that is used, for one that a run which has not ended was handed, and for one that a run put: what the one
    sends back, and what the other holds, can be masked only by who knows the value. NotFound names what is not there.

    Asked before `destroy`, in a transaction of its own (it may read many receipts): a version that is not current any more is handed
    only to tasks that had it already.
    """
    secret = _secret(tx, project, name)
    _check_old(tx, secret, version)
    found = tx.one("runs_with_version", project_id=project, secret_id=secret["secret_id"], version=version) or {}
    if count := found.get("going_on"):
        runs = f"{count} runs that have not ended were" if count > 1 else "a run that has not ended was"
        raise Conflict(f"version {version} of secret {name}: {runs} handed it, and what comes back is masked by it; wait, or end what runs")
    if found.get("put_it"):
        why = "a run put it (UPDATE_SECRET), and what it holds of it is masked by it: it can be destroyed once that run is removed"
        raise Conflict(f"version {version} of secret {name}: {why}")


def destroy(tx: Transaction, secrets: Secrets, who: Principal, name: str, version: int) -> None:
    """The sealed bytes of a version go for ever; who made it and when stays. Once more is no error. See `refuse_in_use`."""
    secret = _locked(tx, who.project, name)
    _check_old(tx, secret, version)
    gone = tx.do("secret_version_destroy", secret_id=secret["secret_id"], version=version, nothing=b"", destroyed_at=secrets.clock.now())
    if gone:
        secrets.audit.change(tx, who, "secret.destroy", f"{KIND} {name}", f"version {version}")


def no_version(name: str, version: int | str) -> NotFound:
    return NotFound(f"secret {name} has no version {version}")


def _check_old(tx: Transaction, secret: Row, version: int) -> None:
    if version == secret["version"]:
        way_out = "put another value or roll back to another version first, or delete the secret"
        raise Conflict(f"version {version} of secret {secret['name']} is the current one: {way_out}")
    _check_there(tx, secret, version)


def _check_there(tx: Transaction, secret: Row, version: int) -> None:
    if tx.one("secret_version_by_id", secret_id=secret["secret_id"], version=version) is None:
        raise no_version(secret["name"], version)


def _secret(tx: Transaction, project: str, name: str) -> Row:
    return _found(tx.one("secret_by_name", project_id=project, name=name), name)


def _locked(tx: Transaction, project: str, name: str) -> Row:
    return _found(tx.one("secret_locked", project_id=project, name=name), name)


def _found(row: Row | None, name: str) -> Row:
    if row is None:
        raise NotFound(f"there is no secret {name}")
    return row
