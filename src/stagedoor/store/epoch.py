"""The epochs as one node knows them. Every cached verdict and verified token is tied to its project's number."""

import math
from collections.abc import Iterable

from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import Unavailable

VALID_FOR = 0.8
"""Seconds from the sending of a successful read until its numbers count no more, where other nodes may raise them."""


class EpochBook:
    """Numbers only rise here, whatever order news of them arrives in. Used on the event loop alone."""

    def __init__(self, clock: Clock, valid_for: float = math.inf) -> None:
        self._clock = clock
        self._valid_for = valid_for
        self._valid_until = -math.inf
        self._numbers: dict[str, int] = {}

    def saw(self, project_id: str, number: int) -> None:
        """This project has got as far as `number`. Says nothing about the others, so it prolongs nothing."""
        if number > self._numbers.get(project_id, 0):
            self._numbers[project_id] = number

    def read_all(self, numbers: Iterable[tuple[str, int]], sent: float) -> None:
        """All epochs were read by a query sent at `sent` (monotonic seconds): from then on they count."""
        for project_id, number in numbers:
            self.saw(project_id, number)
        self._valid_until = max(self._valid_until, sent + self._valid_for)

    def valid(self) -> bool:
        return self._clock.monotonic() < self._valid_until

    def number(self, project_id: str) -> int:
        """The last known number, 0 if there is none. Unavailable when the last reading is too old."""
        return self.numbers(project_id)[0]

    def numbers(self, *names: str) -> tuple[int, ...]:
        """Several at once: `number` of each."""
        if self._clock.monotonic() >= self._valid_until:
            raise Unavailable("the database has not answered lately, so rights cannot be checked")
        return tuple([self._numbers.get(name, 0) for name in names])
