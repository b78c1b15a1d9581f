"""The official SDKs: where they are (environments of their own, which the Makefile makes), and how their checks are run."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from tests.support.server import LiveServer

ROOT = Path(__file__).resolve().parents[2]
REQUIRED = "STAGEDOOR_REQUIRE_SDK"
RUN_SECONDS = 150


@dataclass(frozen=True)
class Report:
    """What a run of checks said.

    `errors`: check -> what went wrong, or None. `methods`: each public method of the SDK's clients that authorization is about ->
    "returned" (somebody was allowed it), "refused" (somebody was not).
    """

    sdk: str
    errors: dict[str, str | None]
    methods: dict[str, list[str]]
    output: str

    @property
    def summary(self) -> str:
        return f"{sum(error is None for error in self.errors.values())} of {len(self.errors)} checks passed"

    def untried(self) -> dict[str, list[str]]:
        """Methods that nobody was allowed, or that nobody was refused -> what was seen of them."""
        return {name: seen for name, seen in self.methods.items() if seen != ["refused", "returned"]}


def run_checks(command: Sequence[str], server: LiveServer, environment: Mapping[str, str] | None = None) -> Report:
    """Run a script of checks as the first administrator's application, configured by the SDK's three variables alone.

    It prints JSON lines: `{"sdk": version}` first, then `{"check": name, "error": text or null}` for each, and
    `{"methods": {name: [...]}}` last. SDKs print lines of their own between; those are kept in `output`.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STAGEDOOR_", "CONDUCTOR_", "PYTHON"))}
    ours = {
        "CONDUCTOR_SERVER_URL": f"{server.url}/api",
        "CONDUCTOR_AUTH_KEY": server.first["keyId"],
        "CONDUCTOR_AUTH_SECRET": server.first["keySecret"],
    }
    given = {**kept, **ours, **(environment or {})}
    process = subprocess.Popen(command, env=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        output, _ = process.communicate(timeout=RUN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
    lines = [json.loads(line) for line in output.splitlines() if line.startswith(('{"sdk"', '{"check"', '{"methods"'))]
    assert process.returncode == 0 and len(lines) > 2, f"exit {process.returncode}: {output[-4000:]}"
    first, *checks, last = lines
    return Report(first["sdk"], {line["check"]: line["error"] for line in checks}, last["methods"], output)


def python_with_sdk() -> str:
    """The interpreter that has conductor-python. Where there is none the test fails if SDKs are required, else it is left out."""
    path = os.environ.get("STAGEDOOR_SDK_PYTHON") or str(ROOT / ".venvs" / "conductor-python" / "bin" / "python")
    if shutil.which(path) is None:
        _missing(f"no conductor-python at {path}: make .venvs/conductor-python/.ready")
    return path


def javascript_with_sdk() -> tuple[str, Path]:
    """(node, the folder whose node_modules hold @io-orkes/conductor-javascript)."""
    folder = Path(os.environ.get("STAGEDOOR_SDK_JAVASCRIPT") or ROOT / ".venvs" / "javascript")
    node = shutil.which("node")
    if node is None or not (folder / "node_modules" / "@io-orkes" / "conductor-javascript").is_dir():
        _missing(f"no node, or no @io-orkes/conductor-javascript in {folder}: make .venvs/javascript/.ready")
    return node, folder


def conductor_py() -> str:
    """The interpreter that has conductor-py. Both Python SDKs own the import name `conductor`, so each has an environment of its own."""
    path = os.environ.get("STAGEDOOR_CONDUCTOR_PY") or str(ROOT / ".venvs" / "conductor-py" / "bin" / "python")
    if shutil.which(path) is None:
        _missing(f"no conductor-py at {path}: make .venvs/conductor-py/.ready")
    return path


def conductor_node() -> tuple[str, Path]:
    """(node, the folder whose node_modules hold conductor-node)."""
    folder = Path(os.environ.get("STAGEDOOR_CONDUCTOR_NODE") or ROOT / ".venvs" / "conductor-node")
    node = shutil.which("node")
    if node is None or not (folder / "node_modules" / "conductor-node").is_dir():
        _missing(f"no node, or no conductor-node in {folder}: make .venvs/conductor-node/.ready")
    return node, folder


def _missing(what: str) -> NoReturn:
    if os.environ.get(REQUIRED):
        pytest.fail(what)
    pytest.skip(what)
