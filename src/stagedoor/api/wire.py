"""The shapes of ASGI (asgi.readthedocs.io, HTTP 2.3) that the dispatch uses."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Headers: TypeAlias = list[tuple[bytes, bytes]]


class ClientGone(Exception):  # nobody is there to be told
    """The client closed the connection before its request was whole."""
