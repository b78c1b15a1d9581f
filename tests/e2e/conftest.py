"""The demo's stories, told once for all tests that look at what came of them."""

import asyncio
import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from stagedoor.demo.journal import Journal
from stagedoor.demo.masks import Masks
from stagedoor.demo.show import Quiet
from stagedoor.demo.stories import tell_all
from stagedoor.kit.clock import SystemClock
from tests.support.sdk import python_with_sdk


@dataclass(frozen=True)
class Step:
    does: str
    method: str
    path: str
    status: int
    body: Any
    facts: dict[str, Any]


@dataclass(frozen=True)
class Demo:
    """`document` is what `--json` prints; `secrets` the texts it hides, each with what stands for it; `folder` holds store and logs."""

    document: dict[str, Any]
    secrets: dict[str, str]
    folder: Path

    def story(self, number: int) -> list[Step]:
        story = self.document["stories"][number - 1]
        assert story["number"] == number
        return [_step(step) for step in story["steps"]]

    def step(self, number: int, does: str) -> Step:
        """The only step of a story whose text starts like that."""
        found = [step for step in self.story(number) if step.does.startswith(does)]
        assert len(found) == 1, (does, [step.does for step in self.story(number)])
        return found[0]

    def hidden(self, prefix: str) -> str:
        """The only hidden text that starts like that."""
        [found] = [text for text in self.secrets if text.startswith(prefix)]
        return found

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Straight from the database file."""
        with sqlite3.connect(f"file:{self.folder / 'data' / 'stagedoor.db'}?mode=ro", uri=True) as database:
            found = database.execute(statement, values).fetchall()
        database.close()
        return found

    def files(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}


def _step(step: dict[str, Any]) -> Step:
    request, answer = step["request"] or {}, step["answer"] or {}
    asked = request.get("method", ""), request.get("path", "")
    return Step(step["does"], *asked, answer.get("status", 0), answer.get("body"), step["facts"])


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo")
    journal = Journal(SystemClock(), Masks(), Quiet(Console(stderr=True)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STAGEDOOR_SDK_PYTHON", python_with_sdk())
        asyncio.run(tell_all(journal, folder))
    return Demo(json.loads(json.dumps(journal.document())), journal.masks.shown, folder)
