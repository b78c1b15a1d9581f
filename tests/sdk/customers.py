"""A live server for the SDKs that speak to `/v1`, which counts what each of their checks sends."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.sdk import Report, run_checks
from tests.support.thread import ThreadServer, thread_server

KEYS = "/api/projects/default/secret-keys"


@dataclass
class Counted:
    """Stands before the application. `sent`: by (check, method, path), as the header `X-Check` names the check; `answers`: the statuses.
    The header `X-Turn` asks for another status than the server's."""

    app: Any
    sent: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    answers: dict[str, Counter[int]] = field(default_factory=dict)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope.get("headers", ()))
        check = headers.get(b"x-check", b"").decode()
        if check:
            self.sent[check, scope["method"], scope["path"]] += 1

        async def told(message: Any) -> None:
            if check and message["type"] == "http.response.start":
                message["status"] = int(headers.get(b"x-turn", message["status"]))
                self.answers.setdefault(check, Counter())[message["status"]] += 1
            await send(message)

        await self.app(scope, receive, told)

    def release(self) -> None:
        self.app.release()


CHECKS = {".py": r"^@check\ndef (\w+)", ".cjs": r'^check\("([^"]+)"'}
Ran = tuple[Report, Counted]


def checks_of(main: Path) -> list[str]:
    """Every check there is, read from the source, so that one that does not run is missed."""
    return re.findall(CHECKS[main.suffix], main.read_text(), re.MULTILINE)


def ran_in(folder: Path, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Ran:
    """What a script of checks said, and what it sent."""
    with counted_server(folder) as (server, counted, ours):
        return run_checks(command, server, ours | dict(environment or {})), counted


def check_all_ran(ran: Ran, main: Path, version: str) -> None:
    """By the official SDK in that version."""
    report, names = ran[0], checks_of(main)
    assert report.sdk == version
    assert sorted(report.errors) == sorted(names), report.output[-3000:]
    assert len(names) > 8


def check_once_each(ran: Ran, taken: str, wrong_key: str) -> None:
    """One request for the end user, one for its double; and nowhere an answer that the SDK would ask for once more."""
    counted = ran[1]
    assert {key: count for key, count in counted.sent.items() if key[0] == taken} == {(taken, "POST", "/v1/end-users"): 2}
    assert counted.answers[taken] == {200: 1, 400: 1}
    assert {status for answers in counted.answers.values() for status in answers} == {200, 400, 401, 404}
    assert counted.answers[wrong_key] == {401: 4}


@contextmanager
def counted_server(folder: Path) -> Iterator[tuple[ThreadServer, Counted, dict[str, str]]]:
    """(a server, what it counts, the variables that the SDKs and their checks read)."""
    with thread_server(folder) as server:
        counted = Counted(server.app)
        server.app = counted  # type: ignore[assignment]  # stands in for it
        admin = server.admin()
        made, gone = (admin.call("POST", KEYS, {"name": name}) for name in ("sdk", "deleted"))
        admin.call("DELETE", f"{KEYS}/{gone['id']}")
        project = admin.call("GET", "/api/projects/default")
        yield server, counted, {
            "CONDUCTOR_SECRET_KEY": made["secretKey"], "CONDUCTOR_BASE_URL": f"{server.url}/v1",
            "PUBLISHABLE_KEY": project["publishableKey"], "DELETED_KEY": gone["secretKey"],
        }  # fmt: skip
