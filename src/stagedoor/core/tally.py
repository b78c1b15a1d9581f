"""A count in memory that is written little by little: what is new today at once, what only grows as there is time."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass
class Tally(Generic[K, V]):
    """`again` counts what stands in the store today already, `first` what does not. A hot path may look into `again` itself."""

    add: Callable[[V, V], V]
    most_known: int
    """Keys remembered; each one beyond them is new every time."""
    first: dict[K, V] = field(default_factory=dict)
    again: dict[K, V] = field(default_factory=dict)
    known: dict[K, K] = field(default_factory=dict)
    """The keys of today, and what each is written as."""

    def place(self, key: K) -> dict[K, V]:
        """Where a count for it belongs."""
        return self.again if key in self.known else self.first

    def take(self, most_first: int, most_again: int, written_as: Callable[[K], K]) -> list[tuple[K, V]]:
        """The oldest of both, by what they are written as; two may be written as one."""
        return [(self._known_as(key, written_as), self.first.pop(key)) for key in list(islice(self.first, most_first))] + [
            (self.known.get(key, key), self.again.pop(key)) for key in list(islice(self.again, most_again))
        ]

    def _known_as(self, key: K, written_as: Callable[[K], K]) -> K:
        found = self.known.get(key)
        if found is None:
            found = written_as(key)
            if len(self.known) < self.most_known:
                self.known[key] = found
        return found

    def give_back(self, taken: Iterable[tuple[K, V]]) -> None:
        """What could not be written."""
        for key, value in taken:
            self.first[key] = self.add(value, self.first[key]) if key in self.first else value

    def new_day(self) -> None:
        """Nothing stands in the store yet."""
        self.known.clear()
        self.give_back(self.again.items())
        self.again.clear()
