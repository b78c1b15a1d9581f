"""A connection that counts what comes in, for answers that cost much and say little.

Limits on headers and on a body bound what an answer *says*. Interim answers (1xx) without end, chunks of one byte with long extensions,
compressed blocks that hold nothing say little or nothing, and would keep the server busy until its deadline.
"""

import asyncio
from typing import Any

from aiohttp import ClientPayloadError
from aiohttp.client_proto import ResponseHandler
from aiohttp.helpers import _EXC_SENTINEL
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.streams import EMPTY_PAYLOAD

from stagedoor.gate.message import Limits


class WireError(ClientPayloadError):
    """an answer's framing is many times larger than its content"""


class Wire(ResponseHandler):
    def __init__(self, loop: asyncio.AbstractEventLoop, limits: Limits) -> None:
        super().__init__(loop)
        self._limits, self._received = limits, 0

    def set_response_params(self, **params: Any) -> None:
        """Called before each answer on this connection."""
        self._received = 0
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """Within the bounds to the parser, beyond them the connection ends."""
        self._received += len(data)
        in_head = self._payload is None or self._payload is EMPTY_PAYLOAD
        said = 0 if in_head or self._payload is None else 2 * self._payload.total_bytes
        if self._received <= self._limits.framing + said:
            super().data_received(data)
            return
        self.set_exception(BadHttpMessage("") if in_head else WireError())
        if self.transport is not None:
            self.transport.abort()

    def set_exception(self, exc: BaseException, exc_cause: BaseException = _EXC_SENTINEL) -> None:
        """Whoever reads the body learns of it too: aiohttp lets them wait for their deadline where a chunk breaks its rules."""
        super().set_exception(exc, exc_cause)
        body = self._payload
        if body is not None and body is not EMPTY_PAYLOAD and not body.is_eof() and body.exception() is None:
            body.set_exception(exc if isinstance(exc, ClientPayloadError) else ClientPayloadError(), exc_cause)
