"""`stagedoor doctor --canary`: secrets go through everything on a temporary store, and none is found; without redaction they are."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from stagedoor.canary import check as checking
from stagedoor.canary.bird import Haystack, _any_case, _exact, brood
from stagedoor.demo.failure import Unexpected
from stagedoor.kit.clock import SystemClock
from stagedoor.kit.errors import Unavailable
from stagedoor.store.dump import sqlite_tables

LAUNCH = Path(__file__).parents[1] / "leaks" / "launch.py"
pytestmark = pytest.mark.promise(7)


def bare(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The findings of a check of a server that masks nothing."""
    monkeypatch.setattr(checking, "COMMAND", [sys.executable, str(LAUNCH)])
    environ = {**os.environ, "STAGEDOOR_TEST_REDACTION": "off"}
    return asyncio.run(checking.check(SystemClock(), lambda step: None, None, environ))


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_no_canary_is_found_and_the_real_store_is_left_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "stagedoor"]
    subprocess.run([*command, "init", "--data", str(tmp_path / "data"), "--json"], check=True, capture_output=True)
    before = sqlite_tables(tmp_path / "data" / "stagedoor.db")
    done = subprocess.run([*command, "doctor", "--data", str(tmp_path / "data"), "--canary"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "no findings\n"), done.stdout + done.stderr
    steps = done.stderr.splitlines()
    assert len(steps) == 10 and all(step.startswith("canary: ") and step.endswith("...") for step in steps)
    assert sqlite_tables(tmp_path / "data" / "stagedoor.db") == before


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_without_redaction_every_canary_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    found = bare(monkeypatch)
    text = "\n".join(found)
    for door in ("worker", "request"):
        assert all(f"canary_{door}_{number} as" in text for number in range(4))
    for place in ("table run", "table task ", "table task_log", "an answer of the API", "file stagedoor.db"):
        assert f"canary: {place}" in text
    for form in ("plain text", "hex", "base64 at 0", "base64 at 1", "base64 at 2", "%XX", "&#N;"):
        assert form in text


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.timeout(240)
def test_on_postgresql_a_database_is_made_for_it_and_dropped(postgres_server: str) -> None:
    assert asyncio.run(checking.check(SystemClock(), lambda step: None, postgres_server)) == []
    with psycopg.connect(postgres_server) as database:
        left = database.execute("SELECT datname FROM pg_database WHERE datname LIKE 'stagedoor\\_canary%'").fetchall()
    assert left == []


def test_a_check_that_cannot_be_made_is_no_clean_bill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "COMMAND", [sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(Unexpected, match="exit 3"):
        asyncio.run(checking.check(SystemClock(), lambda step: None))


@pytest.mark.postgres
def test_a_database_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="CREATEDB"):
        asyncio.run(checking.check(SystemClock(), lambda step: None, f"host={tmp_path} dbname=none user=nobody"))


def test_the_search_finds_a_tag_in_each_form() -> None:
    tag = brood("any")[0].tag
    for form, written in (*_exact(tag.encode()).items(), *_any_case(tag.encode()).items()):
        assert form in Haystack(b"before " + written + b" after").forms_of(tag)
    assert Haystack(tag[1:].encode() + b" " + brood("any")[0].tag.encode()).forms_of(tag) == []
