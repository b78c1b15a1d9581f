"""The store's own tests work on a schema of their own: boxes, and things in them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stagedoor.store import ScanLimits, Schema, Store, Transaction
from tests.conftest import NewStore

Add = Callable[..., Callable[[Transaction], int]]


@pytest.fixture(scope="session")
def boxes_schema() -> Schema:
    folder = Path(__file__).parent / "schema"
    return Schema(migrations=folder / "migrations", queries=folder / "queries")


@pytest.fixture
async def boxes(new_store: NewStore, boxes_schema: Schema) -> Store:
    """An open store of boxes whose scans end early."""
    store = new_store(schema=boxes_schema, limits=ScanLimits(seconds=0.3, rows=20))
    await store.open()
    return store


@pytest.fixture(scope="session")
def add() -> Add:
    """`add("a", 1)` is a function for `write` that puts one box there."""

    def make(box_id: str, number: int = 0, *, flag: bool | None = None, sealed: bytes = b"") -> Callable[[Transaction], int]:
        return lambda tx: tx.do("box_add", id=box_id, number=number, flag=flag, sealed=sealed)

    return make
