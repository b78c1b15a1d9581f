"""Migration 0003: the names and runs of an older database get ids, so that nobody loses a run and nobody gains one later."""

import shutil
from pathlib import Path

import pytest

from stagedoor.store import Schema, Store
from stagedoor.store.statements import HOME
from tests.conftest import NewStore

OLD_ROWS = """
INSERT INTO workflow_definition (project_id, name, version, revision_id)
VALUES ('p', 'w', 1, 'r1'), ('p', 'w', 2, 'r0'), ('q', 'w', 1, 'r9');
INSERT INTO run (run_id, project_id, name, version, revision_id, status, created_at, next_check, input, body)
VALUES ('of-w', 'p', 'w', 1, 'r1', 'COMPLETED', 1, 0, '{}', '{}'), ('gone', 'p', 'deleted', 1, 'r2', 'COMPLETED', 1, 0, '{}', '{}'),
('other', 'q', 'w', 1, 'r9', 'COMPLETED', 1, 0, '{}', '{}');
"""


@pytest.fixture
async def brought_up(new_store: NewStore, tmp_path: Path) -> Store:
    """A store made by the first version of the program, with rows, and opened by this one."""
    folder = tmp_path / "older"
    folder.mkdir()
    for name in ("0001_identity.sql", "0002_engine.sql"):
        shutil.copy(HOME / "migrations" / name, folder)
    old = new_store(schema=Schema(migrations=folder))
    await old.open()
    await old.close()
    (folder / "0003_rows.sql").write_text(OLD_ROWS)
    shutil.copy(HOME / "migrations" / "0003_names.sql", folder / "0004_names.sql")
    store = new_store(schema=Schema(migrations=folder))
    await store.open()
    return store


@pytest.mark.anyio
async def test_runs_of_names_that_are_there_belong_to_them(brought_up: Store) -> None:
    places = [{"project_id": project, "run_id": run} for project, run in (("p", "of-w"), ("q", "other"), ("p", "gone"))]
    names = [await brought_up.read(lambda tx, at=at: tx.one("name_of_run", **at)) for at in places]  # type: ignore[misc]
    assert names == [
        {"started_as": "w", "name": "w"},
        {"started_as": "w", "name": "w"},
        {"started_as": "deleted", "name": None},
    ]


@pytest.mark.anyio
async def test_each_name_has_one_id_over_its_versions(brought_up: Store) -> None:
    found = [
        await brought_up.write(lambda tx, at=at: tx.one("revision_of_version_kept", project_id=at[0], name="w", version=at[1]))  # type: ignore[misc]
        for at in (("p", 1), ("p", 2), ("q", 1))
    ]
    assert [row["name_id"] for row in found if row] == ["r0", "r0", "r9"]


@pytest.mark.anyio
async def test_a_name_made_anew_has_nothing_of_the_old_ones(brought_up: Store) -> None:
    place = {"project_id": "p", "name": "deleted", "version": 1}
    await brought_up.write(lambda tx: tx.do("workflow_definition_add", name_id="new", revision_id="r3", **place))
    assert await brought_up.read(lambda tx: tx.one("name_of_run", project_id="p", run_id="gone")) == {"started_as": "deleted", "name": None}
