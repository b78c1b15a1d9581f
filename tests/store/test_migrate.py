"""Migrations: one list for both databases, each applied once, none of them ahead of the program."""

import asyncio
import shutil
from pathlib import Path

import pytest

from stagedoor.kit.errors import Unavailable
from stagedoor.store import Schema, Store
from stagedoor.store.migrate import listed, statements
from tests.conftest import NewStore
from tests.store.conftest import Add


async def version(store: Store) -> int:
    row = await store.scan(lambda tx: tx.one("schema_version"))
    assert row is not None
    return int(row["version"])


@pytest.fixture
def growing(boxes_schema: Schema, tmp_path: Path) -> Schema:
    """The boxes' schema with a second migration, which needs the first."""
    folder = tmp_path / "migrations"
    shutil.copytree(boxes_schema.migrations, folder)
    (folder / "0002_more.sql").write_text("ALTER TABLE box ADD COLUMN note TEXT;\nINSERT INTO box (id, number) VALUES ('made; here', 2);\n")
    return Schema(migrations=folder, queries=boxes_schema.queries)


@pytest.mark.anyio
async def test_the_real_schema_is_made_once_and_opened_again(new_store: NewStore) -> None:
    first = new_store()
    await first.open()
    assert await version(first) == max(listed(Schema()))
    await first.close()
    again = new_store()
    await again.open()
    assert await version(again) == max(listed(Schema()))


@pytest.mark.anyio
async def test_a_newer_program_brings_an_older_database_up_and_keeps_its_rows(
    new_store: NewStore, boxes_schema: Schema, growing: Schema, add: Add
) -> None:
    old = new_store(schema=boxes_schema)
    await old.open()
    await old.write(add("a", 1))
    await old.close()
    new = new_store(schema=growing)
    await new.open()
    assert await version(new) == 2
    assert await new.scan(lambda tx: tx.all("boxes", id=None)) == [{"id": "a", "number": 1}, {"id": "made; here", "number": 2}]


@pytest.mark.anyio
async def test_an_older_program_refuses_a_newer_database(new_store: NewStore, boxes_schema: Schema, growing: Schema) -> None:
    new = new_store(schema=growing)
    await new.open()
    await new.close()
    with pytest.raises(Unavailable, match="schema version 2, this program knows versions up to 1"):
        await new_store(schema=boxes_schema).open()


@pytest.mark.anyio
async def test_a_migration_that_fails_leaves_nothing_behind(new_store: NewStore, boxes_schema: Schema, growing: Schema, add: Add) -> None:
    (growing.migrations / "0003_bad.sql").write_text("CREATE TABLE half (id TEXT);\nINSERT INTO no_such_table VALUES (1);\n")
    with pytest.raises(AssertionError, match="no_such_table"):
        await new_store(schema=growing).open()
    store = new_store(schema=boxes_schema)
    await store.open()
    assert await version(store) == 1
    await store.write(add("a"))


@pytest.mark.anyio
async def test_nodes_that_start_together_make_the_schema_once(new_store: NewStore, growing: Schema) -> None:
    nodes = [new_store(schema=growing) for _ in range(4)]
    await asyncio.gather(*(node.open() for node in nodes))
    assert [await version(node) for node in nodes] == [2] * 4
    assert len(await nodes[0].scan(lambda tx: tx.all("boxes", id=None))) == 1


@pytest.mark.parametrize("name", ["1_short.sql", "0001_twice.sql", "0003-dash.sql"])
def test_a_migration_with_an_odd_name_is_refused(growing: Schema, name: str) -> None:
    (growing.migrations / name).write_text("SELECT 1;\n")
    with pytest.raises(ValueError, match=r"NNNN_name\.sql"):
        listed(growing)


def test_words_for_postgres_reach_postgres_alone_and_comments_nobody(tmp_path: Path) -> None:
    path = tmp_path / "0001_a.sql"
    path.write_text("-- a; b;\nCREATE TABLE a (\n    id TEXT /*postgres COLLATE \"C\" */\n);\n\nINSERT INTO a VALUES (';x');\n")
    assert statements(path, "sqlite") == ["CREATE TABLE a (\n    id TEXT \n)", "INSERT INTO a VALUES (';x')"]
    assert statements(path, "postgres")[0] == 'CREATE TABLE a (\n    id TEXT  COLLATE "C" \n)'


def test_a_deferred_constraint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "0001_a.sql"
    path.write_text("CREATE TABLE a (b TEXT REFERENCES c (d) DEFERRABLE INITIALLY DEFERRED);\n")
    with pytest.raises(ValueError, match="never deferred"):
        statements(path, "sqlite")
