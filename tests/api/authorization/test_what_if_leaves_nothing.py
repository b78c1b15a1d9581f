"""A change that is only tried leaves no row, raises no epoch, tells nobody."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from stagedoor.core.change import Change, DeleteGroup
from stagedoor.core.group import Group
from stagedoor.core.principal import Principal
from stagedoor.gate.explaining import Explaining
from stagedoor.gate.what_if import Trial, seen
from stagedoor.store.store import Transaction
from tests.support.inside import Inside, inside

pytestmark = pytest.mark.anyio
BACKGROUND = ("usage", '"clockwork"')
"""What the server writes by itself meanwhile."""


async def tried(at: Inside, folder: Path) -> tuple[list[str], list[str]]:
    """All rows of the store, before and after a group's deletion is tried."""
    gate, who = at.server.gate, at.admin
    await gate.change(lambda tx: gate.groups.put(tx, who, Group("ops", "A group", ("USER",))))
    before = rows(folder)
    found = await Explaining(gate).what_if(who, DeleteGroup(id="ops"))
    assert found.complete
    return before, rows(folder)


def rows(folder: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{folder / 'stagedoor.db'}?mode=ro", uri=True)) as database:
        return [line for line in database.iterdump() if not any(word in line for word in BACKGROUND)]


async def test_nothing_is_left(tmp_path: Path) -> None:
    async with inside(tmp_path) as at:
        epochs = at.server.gate.store.epochs(at.admin.project, at.admin.group)
        before, after = await tried(at, tmp_path)
        assert before == after
        assert any('"user_group"' in line for line in after) and any('"epoch"' in line for line in after)
        assert at.server.gate.store.epochs(at.admin.project, at.admin.group) == (epochs[0] + 1, epochs[1])  # by the group's making


async def test_without_the_undoing_it_would_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Trial.within

    def kept(self: Trial, tx: Transaction, who: Principal, change: Change) -> None:
        try:
            whole(self, tx, who, change)
        except Exception as problem:
            if seen(problem) is None:
                raise

    monkeypatch.setattr(Trial, "within", kept)
    async with inside(tmp_path) as at:
        with pytest.raises(AssertionError, match="leaves nothing"):
            await tried(at, tmp_path)
        text = "\n".join(rows(tmp_path))
        assert "group.delete" in text and 'INSERT INTO "user_group"' not in text
