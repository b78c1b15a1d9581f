"""What a store of an earlier version is without, and gets at the next start, in one place."""

from stagedoor.core.masterkey import PROJECT_KEYS, MasterKeys
from stagedoor.core.publishable_key import PublishableKeys
from stagedoor.store.store import Transaction


def lacks(tx: Transaction) -> bool:
    """Whether something is missing that this version gives to every store and project."""
    return tx.one("derived_key", purpose=PROJECT_KEYS) is None or bool(tx.all("projects_without_publishable_key"))


def complete(tx: Transaction, keys: MasterKeys, publishable: PublishableKeys, by: str) -> None:
    """`by`: who is written down as the maker. Twice is once."""
    keys.derived(tx, PROJECT_KEYS)
    publishable.make_missing(tx, by)
