"""Password hashes as they are stored: with a MAC over whose they are, so that one's own hash in another's row opens nothing."""

import json

from stagedoor.core.credential import TamperedCredential
from stagedoor.core.masterkey import CREDENTIAL, MasterKeys
from stagedoor.core.project import DEFAULT
from stagedoor.kit.crypto import same
from stagedoor.store.store import Transaction

_BETWEEN = "|"
"""No hash holds it (PHC string format)."""
PORTION = 500


def bound(tx: Transaction, keys: MasterKeys, person: str, hashed: str | None) -> str | None:
    """What is stored for a hash; None where there is no password."""
    return None if hashed is None else hashed + _BETWEEN + _mac(tx, keys, person, hashed)


def unbound(tx: Transaction, keys: MasterKeys, person: str, stored: str | None) -> str | None:
    """The hash. TamperedCredential where it is not this person's."""
    if stored is None:
        return None
    hashed, _, mac = stored.partition(_BETWEEN)
    if not same(mac, _mac(tx, keys, person, hashed)):
        raise TamperedCredential({"project_id": DEFAULT, "owner": person, "id": f"password of {person}"})
    return hashed


def bind_old(tx: Transaction, keys: MasterKeys) -> None:
    """Hashes that an earlier version stored. Once, when the store first meets this one: afterwards such a hash is tampered with."""
    after = ""
    while rows := tx.all("passwords_after", after=after, portion=PORTION):
        for row in rows:
            if _BETWEEN not in row["password_hash"]:
                tx.do("person_set_password", person_id=row["id"], password_hash=bound(tx, keys, row["id"], row["password_hash"]))
        after = rows[-1]["id"]


def _mac(tx: Transaction, keys: MasterKeys, person: str, hashed: str) -> str:
    return keys.derived(tx, CREDENTIAL).mac(json.dumps(["password", person, hashed]).encode())
