"""The floor: bare ASGI on uvicorn, with the same loop and parser, that reads the body and answers fixed bytes.

    python -m bench.floor PORT       `GET|POST /<size>/<type>` answers that many bytes
"""

import sys
from typing import Any

import uvicorn
import uvloop


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    size, kind = scope["path"].split("/")[1:3]
    while (await receive()).get("more_body"):
        pass
    body = b"x" * int(size)
    headers = [(b"content-type", b"application/json" if kind == "json" else b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    port = int(sys.argv[1])
    config = uvicorn.Config(
        app, port=port, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False, server_header=False
    )
    uvloop.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
