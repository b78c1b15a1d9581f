"""Tells quickly that a text holds none of some values in any spelling, and else which of its strings must be read closely.

Each needle (a value, or one way of encoding it) is known by a *fragment*: a run of letters, digits and `-` in it. No encoder has a
reason to escape those, so the fragment stands in the text as it is, unless a telling escape (`telling.py`) is in the text: a string
that holds one is read closely. All else is one search for all fragments at once.

A text with a backslash is searched without white space, backslashes, `n`, `r` and `t`, as the fragments are: so a value broken into
lines, or with needless backslashes, is met in JSON text as well, and the JSON text of a value needs no decoding. Making that text
costs more than all else together; where fragments are few, `windows.py` finds the places where it would show something.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from stagedoor.gate.telling import PIECE, telling_places, tells
from stagedoor.gate.windows import LINE_ESCAPES, LOWER, Fragment, Windows, windows_for

SHORTEST, LONGEST = 4, 32
"""Bytes of a fragment. Shorter ones stand in any text; longer ones are found no more surely."""
_RUN = re.compile(rb"[0-9A-Za-z]+")
_WIDER_RUN = re.compile(rb"[0-9A-Za-z-]+")
_BACKSLASH, _LINE_FEED, _RETURN = b"\\\n\r"


class Sieve:
    """For needles of one redactor. Linear in the text; holds fragments of secrets, prints as `***`."""

    __slots__ = ("_bare", "_fragments", "_long", "_low", "_unread", "_windows")

    _BUILD = 12_000
    """What windows cost to make for each fragment, in bytes searched without (measured: 30 us against 2.5 ns a byte)."""

    def __init__(self, fragments: Iterable[Fragment]) -> None:
        chosen = tuple(fragments)
        low = [fragment.text.lower() for fragment in chosen]
        self._long = not any(fragment.needle for fragment in chosen)
        self._low = _Search(low)
        self._bare = _Search([text.translate(None, LINE_ESCAPES) for text in low])
        self._fragments = chosen
        self._windows: Windows | None = None
        self._unread = self._BUILD * len(chosen) if self._long else 1

    def __repr__(self) -> str:
        return "***"

    def holds_back(self, data: bytes) -> bool:
        """Whether something in the text must be read closely. It may be the JSON text of a value as well as a text itself."""
        return tells(data) or self._finds(data)

    def _finds(self, data: bytes) -> bool:
        if self._windows is None and self._unread > 0:
            self._unread -= len(data) + _Search.CALL
            if self._unread <= 0:
                self._windows = windows_for(self._fragments)
        if self._windows is not None and (found := self._windows.finds(data)) is not None:
            return found
        if not self._long:
            return True
        if _plain(data):
            return self._low.finds(data.lower())
        return self._bare.finds(data.translate(LOWER, LINE_ESCAPES))

    def suspects(self, data: bytes, ends: Sequence[int]) -> set[int]:
        """The strings to be read closely, of those that `data` holds, one NUL between each two (`ends`: where each ends in it)."""
        if not self._long or data.count(0) != len(ends) - 1:  # a string with NUL in it
            return set(range(len(ends)))
        found = {bisect_right(ends, at) for at in telling_places(data)}
        if _plain(data):
            return found.union(bisect_right(ends, at) for at in self._low.places(data.lower()))
        bare, index, before = data.translate(LOWER, LINE_ESCAPES), 0, 0
        for at in sorted(self._bare.places(bare)):
            index, before = index + bare.count(0, before, at), at
            found.add(index)
        return found


def _plain(data: bytes) -> bool:
    """Without lines and backslashes, so that every fragment can only stand there as it is."""
    return not (_BACKSLASH in data or _LINE_FEED in data or _RETURN in data)


def sieve_for(groups: Iterable[tuple[Iterable[bytes], Iterable[bytes]]]) -> Sieve | None:
    """`groups`: the needles of each value, those that stand as they are and those in hexadecimal digits of either case. None where
    one has no letter and no digit: then every text must be read closely."""
    chosen = set[Fragment]()
    for exact, any_case in groups:
        for needles, either in ((exact, False), (any_case, True)):
            own: list[bytes] = []
            for needle in sorted(needles):
                if any(text in needle for text in own):
                    continue
                text = _likeliest(needle)
                if _is_long(text):
                    own.append(text)
                    chosen.add(Fragment(text, either))
                elif text:
                    chosen.add(Fragment(text, either, needle))
                else:
                    return None
    return Sieve(chosen)


def _likeliest(needle: bytes) -> bytes:
    """The end of the run that looks most like chance: words and prefixes (`Bearer`, `sk_live`) stand in many texts."""
    runs = (_RUN if any(len(run) >= 2 * SHORTEST for run in _RUN.findall(needle)) else _WIDER_RUN).findall(needle)
    return max((run[-LONGEST:] for run in runs), key=lambda run: len(set(run)), default=b"")


def _is_long(text: bytes) -> bool:
    return len(text.translate(None, LINE_ESCAPES)) >= SHORTEST


class _Search:
    """Searches some fragments one by one, and all at once from when that has cost as much as building the automaton does."""

    __slots__ = ("_automaton", "_fragments", "_spent")

    _BUILD = 10_000
    """What the automaton costs for each fragment, in bytes searched for one (measured: 5 us against 0.5 ns a byte)."""
    CALL = 120
    """What a search costs before its first byte, in the same."""
    _FEW, _LONG = 6, 1 << 13
    """So many are found faster one by one in texts of so many bytes."""

    def __init__(self, fragments: Sequence[bytes]) -> None:
        self._fragments = tuple(dict.fromkeys(fragments))
        self._automaton: BytesAhoCorasick | None = None
        self._spent = 0

    def finds(self, data: bytes) -> bool:
        if self._automaton is not None and len(data) <= self._LONG:
            return bool(self._automaton.find_matches_as_indexes(data))
        if not self._one_by_one(data):
            return next(self._matches(data), None) is not None
        return any(map(data.__contains__, self._fragments))

    def places(self, data: bytes) -> Iterator[int]:
        """Where fragments begin; of some that overlap one at least."""
        if self._one_by_one(data):
            for fragment in self._fragments:
                at = data.find(fragment)
                while at >= 0:
                    yield at
                    at = data.find(fragment, at + len(fragment))
        else:
            yield from self._matches(data)

    def _one_by_one(self, data: bytes) -> bool:
        if len(self._fragments) <= self._FEW and len(data) > self._LONG:
            return True
        if self._automaton is not None:
            return False
        self._spent += len(data) + self.CALL
        return self._spent <= self._BUILD

    def _matches(self, data: bytes) -> Iterator[int]:
        """Piece by piece, so that a text full of them makes no list of all."""
        if self._automaton is None:
            short = [fragment[-12:] for fragment in self._fragments]
            self._automaton = BytesAhoCorasick(short, matchkind=MatchKind.Standard, implementation=Implementation.DFA)
        for start in range(0, len(data), PIECE):
            piece = data if len(data) <= PIECE else data[start : start + PIECE + LONGEST]
            for _, at, _ in self._automaton.find_matches_as_indexes(piece):
                yield start + at
