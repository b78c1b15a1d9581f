"""Each protection taken away in turn: some test must fail (scripts/remove_protections.py)."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "remove_protections.py"
TENTH = 10


def removed(*options: str) -> str:
    """What the script says; an unnoticed removal fails here."""
    done = subprocess.run([sys.executable, str(SCRIPT), *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.promise(9)
def test_a_tenth_of_the_protections_is_missed_when_it_is_gone() -> None:
    """Which tenth changes from day to day; STAGEDOOR_REMOVALS names one to be tried again."""
    offset = os.environ.get("STAGEDOOR_REMOVALS", str(date.today().toordinal() % TENTH))  # noqa: DTZ011  # any day will do
    assert " 0 unnoticed" in removed("--stride", str(TENTH), "--offset", offset)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.promise(6, 9)
def test_every_protection_is_missed_when_it_is_gone() -> None:
    assert " 0 unnoticed" in removed()
