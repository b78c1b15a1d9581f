"""A live server for the SDKs that speak to `/v1`, which counts what each of their checks sends."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
