"""The official @io-orkes/conductor-javascript SDK, unchanged, against a live server: `tests/sdk/javascript`."""

import re
from pathlib import Path

import pytest

from tests.support.sdk import Report, javascript_with_sdk, run_checks
from tests.support.server import LiveServer

pytestmark = [pytest.mark.sdk_js, pytest.mark.timeout(300)]

FOLDER = Path(__file__).parent / "javascript"


def names() -> list[str]:
    """Every check there is, read from the sources, so that one that does not run is missed."""
    return [
        name for path in sorted(FOLDER.glob("checks*.cjs")) for name in re.findall(r'^check\("([^"]+)"', path.read_text(), re.MULTILINE)
    ]


@pytest.fixture(scope="module")
def report(sqlite_server: LiveServer, request: pytest.FixtureRequest) -> Report:
    node, folder = javascript_with_sdk()
    report = run_checks([node, str(FOLDER / "main.cjs")], sqlite_server, {"NODE_PATH": str(folder / "node_modules")})
    terminal = request.config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None:
        terminal.write_line(f"\nconductor-javascript {report.sdk}: {report.summary}")
    return report


def test_it_is_the_official_sdk(report: Report) -> None:
    assert report.sdk.removeprefix("v").startswith("4.")


def test_every_check_ran(report: Report) -> None:
    assert sorted(report.errors) == sorted(names()), report.output[-3000:]
    assert len(report.errors) > 15


@pytest.mark.parametrize("name", names())
def test_sdk(name: str, report: Report) -> None:
    assert name in report.errors, report.output[-3000:]
    assert report.errors[name] is None, report.errors[name]


def test_every_method_of_authorization_was_allowed_and_refused(report: Report) -> None:
    """The methods are the SDK's own list of them: a new version with one more fails here."""
    clients = {"ApplicationClient", "AuthorizationClient", "SecretClient", "MetadataClient"}
    assert {name.partition(".")[0] for name in report.methods} == clients
    assert len(report.methods) > 50
    assert report.untried() == {}
