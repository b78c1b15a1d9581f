"""Where passwords are hashed: a few at a time and a short line before them, so that they never starve the rest (promise 17)."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from stagedoor.gate.limits import Meter, Rate, counted
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import TooManyRequests, Unavailable
from stagedoor.kit.passwords import hash_password, password_matches

AT_ONCE = 2
"""Each takes 64 MB and up to four threads."""
IN_LINE = 24
IN_LINE_OF_ONE = 3
"""Of one address, so that one alone cannot fill the line."""
CALM = Rate(30, 1)
"""Wrong passwords, from anywhere, up to which nothing is slowed down."""
PAUSE = 0.5
"""Seconds that a place rests before each hash once there are more."""


class Hashing:
    def __init__(self, clock: Clock) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._line: Counter[str] = Counter()
        self._wrong = Meter(CALM, clock, size=1)

    @contextmanager
    def place(self, address: str) -> Iterator[None]:
        """A place in the line. Unavailable where it is full, TooManyRequests where this address has its share of it."""
        where = counted(address)
        if self._line.total() >= IN_LINE:
            raise Unavailable("too many passwords are being checked")
        if self._line[where] >= IN_LINE_OF_ONE:
            raise TooManyRequests
        self._line[where] += 1
        try:
            yield
        finally:
            self._line[where] -= 1
            if not self._line[where]:
                del self._line[where]

    async def hashed(self, password: str) -> str:
        """BadInput where it is too short or too long."""
        async with self._slots:
            return await asyncio.to_thread(hash_password, password)

    async def matches(self, hashed: str, password: str) -> bool:
        async with self._slots:
            if self._wrong.wait(""):
                await asyncio.sleep(PAUSE)
            matches = await asyncio.to_thread(password_matches, hashed, password)
        if not matches:
            self._wrong.add("")
        return matches
