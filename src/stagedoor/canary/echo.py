"""What gives a value back in every spelling: a worker's words, and a server on this machine."""

import base64
import html
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus

from aiohttp import web


def spelled(value: str) -> dict[str, Any]:
    """JSON that holds the value in every spelling, also as a key and among other things."""
    raw = value.encode()
    return {
        "plain": value,
        "within": f"<<{value}>>",
        "deep": [{"a": {"b": [value, 1, None]}}],
        value: "as a key",
        "json": json.dumps({"v": value}),
        "json in json": json.dumps(json.dumps(value)),
        "every unit": re.sub("(....)", r"\\u\1", value.encode("utf-16-be").hex()),
        "base64": base64.b64encode(raw).decode(),
        "base64 at 1": base64.b64encode(b"-" + raw).decode(),
        "base64 at 2": base64.urlsafe_b64encode(b"--" + raw + b"-").decode(),
        "base64 in lines": base64.encodebytes(b"a whole message: " + raw * 3).decode(),
        "basic": "Basic " + base64.b64encode(b"user:" + raw).decode(),
        "hex": raw.hex(),
        "HEX": raw.hex().upper(),
        "url": quote(value, safe=""),
        "form": quote_plus(value),
        "every byte": "".join(f"%{byte:02x}" for byte in raw),
        "html": html.escape(value),
        "numbers": "".join(f"&#{ord(one)};" for one in value),
    }


@dataclass
class Echo:
    """`heard`: every value that came, as it came. `/<number>/<how>`: that request's own value comes back."""

    port: int = 0
    heard: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def answer(self, request: web.Request) -> web.Response:
        value = request.headers.get("X-Api-Key") or request.query.get("key") or (await request.text())
        if value.startswith("{"):
            value = json.loads(value)["key"]
        self.heard.append(value)
        how = request.path.rsplit("/", 1)[-1]
        if how == "error":
            return web.Response(status=400, text=f"there is no key {value}")
        headers = {"X-Echo": quote(value), "X-Hex": value.encode().hex(), "Set-Cookie": f"k={quote(value)}"}
        if how == "text":
            return web.Response(text="\n".join(map(str, spelled(value).values())), headers=headers)
        return web.json_response(spelled(value), headers=headers)


@asynccontextmanager
async def echoing() -> AsyncIterator[Echo]:
    """Listens on a free port of this machine until the end of the block."""
    echo, app = Echo(), web.Application()
    app.router.add_route("*", "/{rest:.*}", echo.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        echo.port = runner.addresses[0][1]
        yield echo
    finally:
        await runner.cleanup()
