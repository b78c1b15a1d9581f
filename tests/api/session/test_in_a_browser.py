"""In a real Chromium: a page of ours signs in, refreshes and signs out; a page at another port of the same host, whose requests carry the
cookie in spite of SameSite=Strict, gets nothing done."""

import pytest

from tests.api.session.browser import COOKIE, REFRESH, START
from tests.connect.conftest import Browse, browse, playwright
from tests.gate.doors.stage import Heard, listening
from tests.support.server import ADMIN, LiveServer

__all__ = ["browse", "playwright"]
CALL = """async ([method, path, body]) => {
    const answer = await fetch(path, {method, body: body && JSON.stringify(body)});
    return [answer.status, document.cookie];
}"""


@pytest.mark.slow
@pytest.mark.promise(4)
def test_the_own_page_works_by_the_cookie_and_a_page_beside_it_does_not(sqlite_server: LiveServer, browse: Browse) -> None:
    def evil(heard: Heard) -> tuple[int, dict[str, str], bytes]:
        form = f'<form method="post" enctype="text/plain" action="{sqlite_server.url}{REFRESH}"></form>'
        return 200, {"Content-Type": "text/html"}, form.encode()

    who = {"email": ADMIN, "password": sqlite_server.first["password"]}
    with browse() as context, listening() as listener:
        listener.say = evil
        own = context.new_page()
        own.goto(f"{sqlite_server.url}/health")
        assert own.evaluate(CALL, ["POST", START, who]) == [200, ""]  # no script sees the cookie
        (kept,) = [one for one in context.cookies() if one["name"] == COOKIE]
        assert (kept["httpOnly"], kept["sameSite"], kept["path"]) == (True, "Strict", "/")
        assert own.evaluate(CALL, ["POST", REFRESH, None]) == [200, ""]

        beside = context.new_page()
        beside.goto(listener.url)
        with beside.expect_navigation() as gone:
            beside.evaluate("document.forms[0].submit()")
        sent = gone.value.request.all_headers()
        assert COOKIE in sent["cookie"] and sent["sec-fetch-site"] == "same-site"
        assert gone.value.status == 403

        assert own.evaluate(CALL, ["POST", REFRESH, None]) == [200, ""]
        assert own.evaluate(CALL, ["DELETE", START, None]) == [204, ""]
        assert own.evaluate(CALL, ["POST", REFRESH, None]) == [401, ""]
        assert COOKIE not in [one["name"] for one in context.cookies()]
