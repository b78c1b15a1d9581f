"""How much data a definition may make out of what it is given: a few expressions double it, and their results are given on."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from stagedoor.engine.definition import Json

MOST_DATA = 8 * 1024 * 1024
"""Bytes of JSON that the input of one task may come to, or the output of a JOIN, a DO_WHILE or a run: as much as a request may bring."""
MOST_IN_A_DECISION = 64 * 1024 * 1024
"""Once the tasks scheduled in one decision have come to so much, the others wait for the next one."""
MOST_REASON = 64 * 1024
"""Characters of a reason that is put together from those of several tasks."""

_encode = msgspec.json.Encoder().encode
_NUMBER = 8


class Unresolvable(Exception):
    """A template cannot be resolved: what it is for fails, and the message says why."""


class Withheld(Unresolvable):
    """It names an environment variable that its author may not use (any more)."""


class TooLarge(Unresolvable):
    """Data would take more than it may. The message names the limit."""

    def __init__(self, most: int) -> None:
        super().__init__(f"the data would take more than {most // (1024 * 1024)} MB of JSON")


@dataclass(slots=True)
class Budget:
    """Counts bytes of JSON as data is put together, so that what is too large is never built."""

    most: int = MOST_DATA
    spent: int = 0

    @property
    def left(self) -> int:
        return self.most - self.spent

    def take(self, size: int) -> None:
        self.spent += size
        if self.spent > self.most:
            raise TooLarge(self.most)

    def take_all(self, values: Iterable[Json]) -> None:
        for value in values:
            self.take(size_of(value, self.left))


def all_reasons(reasons: Iterable[str], between: str = " ") -> str:
    """Why several tasks have failed, in one text; what is beyond its length is left out."""
    told, left = list[str](), MOST_REASON
    for reason in reasons:
        if left <= 0:
            break
        told.append(reason[:left])
        left -= len(reason) + len(between)
    return between.join(told)


def size_of(value: Json, most: int, *, shared: bool = False) -> int:
    """Bytes of a value's JSON text: near enough, and no more is looked at than `most` needs. `shared`: the same part may stand
    in it many times over, as in what a query finds, so that its text could be far larger than what is in memory."""
    if isinstance(value, str):
        return len(value) if len(value) > most else _encoded(value, most)
    if not isinstance(value, dict | list):
        return _NUMBER
    return _walked(value, most) if shared else _encoded(value, most)


def _encoded(value: Json, most: int) -> int:
    try:
        return len(_encode(value))
    except (UnicodeEncodeError, OverflowError, RecursionError):  # half a surrogate pair, or a number of more than 64 bits
        return _walked(value, most)


def _walked(value: Json, most: int) -> int:
    size, rest = 0, [value]
    while rest and size <= most:
        each = rest.pop()
        if isinstance(each, str):
            size += len(each) + 2
        elif isinstance(each, dict):
            size += 2 + sum(len(key) + 4 for key in each)
            rest.extend(each.values())
        elif isinstance(each, list):
            size += 2 + len(each)
            rest.extend(each)
        else:
            size += max(_NUMBER, each.bit_length() // 3) if isinstance(each, int) else _NUMBER
    return size
