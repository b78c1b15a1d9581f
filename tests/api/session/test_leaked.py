"""A session's cookie that is found where it does not belong: the scanner tells of it, a report ends it."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stagedoor.cli import app
from stagedoor.kit.scanner import scan_text
from tests.api.session.browser import ME, Browser, signed_in
from tests.leaked.reporter import PLACE, reporting
from tests.support.server import ADMIN, LiveServer, live_server


def test_the_scanner_knows_a_cookie_by_its_prefix_and_checksum(browser: Browser) -> None:
    cookie = browser.cookie
    (hit,) = scan_text(f"Cookie: theme=dark; __Host-stagedoor_session={cookie}")
    assert (hit.format.kind, hit.text.reveal(), hit.checked) == ("console_session", cookie, True)
    assert cookie not in hit.mask


@pytest.mark.slow
@pytest.mark.promise(2)
def test_a_cookie_that_was_reported_ends_its_session_and_tokens(tmp_path: Path) -> None:
    with reporting() as reporter, live_server(tmp_path, **reporter.environment) as server:
        browser, other = signed_in(server), signed_in(server)
        token = browser.refresh().json()["token"]
        (tmp_path / "found").mkdir()
        (tmp_path / "found" / "debug.har").write_text(f'"cookies": [{{"value": "{browser.cookie}"}}]')
        told = CliRunner().invoke(app, ["scan", str(tmp_path / "found"), "--data", str(server.data), "--json"]).stdout
        (found,) = json.loads(told)["findings"]
        assert (found["kind"], found["state"]) == ("console_session", "LIVE") and browser.cookie not in told
        assert reporter.report(server.url, browser.cookie)[0]["label"] == "true_positive"
        assert (browser.refresh().status_code, server.api(token).raw("GET", ME).status_code) == (401, 401)
        assert other.refresh().status_code == 200
        (leak,) = server.admin().call("GET", "/api/leaks")
        assert (leak["kind"], leak["owner"], leak["url"], leak["credential"]["status"]) == ("console_session", ADMIN, PLACE, "PAUSED")
        assert browser.cookie not in str(leak)
        assert _written_down_once(server)
        assert browser.sign_in().status_code == 200 and browser.refresh().status_code == 200  # the password was not in it


def _written_down_once(server: LiveServer) -> bool:
    with closing(sqlite3.connect(server.data / "stagedoor.db")) as store:
        rows = store.execute("SELECT detail FROM audit WHERE action = 'credential.leaked'").fetchall()
    return len(rows) == 1 and "ended at once" in rows[0][0]
