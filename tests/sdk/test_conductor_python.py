"""The official conductor-python SDK, unchanged and in an environment of its own, against a live server: `tests/sdk/python`."""

import ast
from pathlib import Path

import pytest

from tests.support.sdk import Report, python_with_sdk, run_checks
from tests.support.server import LiveServer

pytestmark = [pytest.mark.sdk, pytest.mark.slow, pytest.mark.timeout(300)]

FOLDER = Path(__file__).parent / "python"

NOT_BUILT = {
    f"OrkesAuthorizationClient.{name}": "the gateway is not there: 404 to everybody (contract/orkes.md 0.19)"
    for name in (
        "create_gateway_auth_config", "delete_gateway_auth_config", "get_gateway_auth_config", "list_gateway_auth_configs",
        "update_gateway_auth_config",
    )
}  # fmt: skip


def names() -> list[str]:
    """Every check there is, read from the sources, so that one that does not run is missed."""
    return [
        f"{path.stem.removeprefix('check_')}::{node.name.removeprefix('check_')}"
        for path in sorted(FOLDER.glob("check_*.py"))
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("check_")
    ]


@pytest.fixture(scope="module")
def report(sqlite_server: LiveServer, request: pytest.FixtureRequest) -> Report:
    interpreter = python_with_sdk()
    report = run_checks([interpreter, "-P", str(FOLDER / "main.py")], sqlite_server)
    terminal = request.config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None:
        terminal.write_line(f"\nconductor-python {report.sdk}: {report.summary}")
    return report


def test_it_is_the_official_sdk(report: Report) -> None:
    assert report.sdk == "2.0.0"


def test_every_check_ran(report: Report) -> None:
    assert sorted(report.errors) == sorted(names()), report.output[-3000:]
    assert len(report.errors) > 40


@pytest.mark.parametrize("name", names())
def test_sdk(name: str, report: Report) -> None:
    assert name in report.errors, report.output[-3000:]
    assert report.errors[name] is None, report.errors[name]


def test_every_method_of_authorization_was_allowed_and_refused(report: Report) -> None:
    """The methods are the SDK's own list of them: a new version with one more fails here."""
    assert {name.partition(".")[0] for name in report.methods} == {"OrkesAuthorizationClient", "OrkesMetadataClient", "OrkesSecretClient"}
    assert len(report.methods) > 75
    assert report.untried() == {name: [] for name in NOT_BUILT}
