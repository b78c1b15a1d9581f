"""`stagedoor demo`: its two forms, and how it ends when a step does not come out as told."""

import asyncio
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from stagedoor.demo import pinetree, stories
from stagedoor.demo.failure import Unexpected
from stagedoor.demo.journal import Journal, Step, Story
from stagedoor.demo.masks import Masks
from stagedoor.demo.show import Quiet, Told
from stagedoor.kit.clock import SystemClock
from tests.e2e.conftest import Demo
from tests.support.sdk import python_with_sdk

pytestmark = [pytest.mark.sdk, pytest.mark.slow]


def command(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STAGEDOOR_")}
    return subprocess.run([sys.executable, "-m", "stagedoor", "demo", *options], env=kept | environment, capture_output=True, text=True)


def test_json_is_one_document_and_nothing_stays_behind(tmp_path: Path) -> None:
    done = command("--json", STAGEDOOR_SDK_PYTHON=python_with_sdk(), TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["passed"], document["error"]) == (True, None)
    assert [story["number"] for story in document["stories"]] == [1, 2, 3, 4]
    assert not list(tmp_path.iterdir())


def test_without_the_sdk_it_says_how_to_get_it() -> None:
    done = command(STAGEDOOR_SDK_PYTHON=sys.executable)
    assert done.returncode == 1
    assert "pip install 'stagedoor[demo]'" in done.stderr
    missing = command("--json", STAGEDOOR_SDK_PYTHON="/nowhere/python")
    assert missing.returncode == 1
    error = "STAGEDOOR_SDK_PYTHON: there is no interpreter /nowhere/python"
    assert json.loads(missing.stdout) == {"passed": False, "stories": [], "error": error}


def test_a_step_that_comes_out_otherwise_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGEDOOR_SDK_PYTHON", python_with_sdk())
    monkeypatch.setattr(stories, "STORIES", (("pinetree", pinetree),))
    monkeypatch.setattr(pinetree, "VALUE", b'"needles"')  # a whole JSON string is decoded, so it does not come back as it was sent
    journal = Journal(SystemClock(), Masks(), Quiet(Console(stderr=True)))
    with pytest.raises(Unexpected, match="pinetree: expected"):
        asyncio.run(stories.tell_all(journal, tmp_path))
    document = journal.document()
    assert document["passed"] is False
    assert "expected" in document["stories"][0]["error"]


def test_people_see_every_step_with_request_and_answer(demo: Demo) -> None:
    out = io.StringIO()
    told = Told(Console(file=out, width=200, highlight=False))
    for story in demo.document["stories"]:
        told.story(Story(story["number"], story["name"], story["about"]))
        for step in story["steps"]:
            told.step(Step(**step))
    text = out.getvalue()
    assert "POST /api/workflow/super_weather {\"zip\": \"90210\"}" in text
    assert "held: application app:" in text
    assert "missing: EXECUTE on WORKFLOW_DEF greeting" in text
    assert '"rate": "82.10"' in text
    assert all(step["does"] in text for story in demo.document["stories"] for step in story["steps"])
