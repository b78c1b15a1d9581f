"""Searches a text for a few fragments that may be broken by white space and backslashes, without making the text that has none.

Of each fragment a few bytes next to each other are its *window*, say `Q7x`. Wherever the fragment stands, broken or not, either `Q7x`
stands, or a break follows `Q7` or `Q`. Those few *tokens* (for backslash and space: `Q7x`, `Q7\\`, `Q7 `, `Q\\`, `Q `) are searched all at
once; `ahocorasick_rs` finds up to 64 with vector instructions, at more than 2 GB/s. What follows a token is then read without breaks.
The window is chosen so that its tokens are rare in texts.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from ahocorasick_rs import BytesAhoCorasick, MatchKind

from stagedoor.gate.telling import OVERLAP, PIECE

LOWER = bytes(range(256)).lower()
LINE_ESCAPES = b" \t\r\n\\nrtNRT"
"""What is left out where breaks are: white space, as it is and as JSON text writes it."""
_SPACES = bytes.maketrans(b"\t\r\n", b"   ")
_TAB, _LINE_FEED, _RETURN = b"\t\n\r"
_BREAKS = (b" ", b"\\")
_WIDTH, _WIDEST = 3, 5
_LEAST_TOKENS = 3  # of a fragment, where some share a few
_AT_ONCE, _MOST_SEARCHES = 64, 2
"""More tokens are not found by vector instructions; of more fragments some look like a place in any text."""
_FIRST_OF_SYMBOLS = (b"%", b"&", b"\\", b" ", b"+")
"""How a symbol may begin, spelled out, beside as itself."""
_LEFT, _LEFT_OF_HEX, _COMPARED = 4, 8, 16
"""Bytes of a fragment from its window on: so many at least if it has them, and so many are compared."""
_MOST_SPELLED = 18  # bytes for a symbol: `%5C%75%30%30%34%31`
_RUN = re.compile(rb"[0-9a-z-]+")
_RARE_FIRST = b"QXZJKVYWUHGFBOMLPDCESNRTqjzxvbuicpIwA8967543210kmahoflgyrtndse-"
"""How seldom these end a word of a usual text."""
_SYMBOL = 255
_COMMONNESS = bytes(_RARE_FIRST.index(letter) // 8 if letter in _RARE_FIRST else _SYMBOL for letter in range(256))


@dataclass(frozen=True, slots=True, repr=False)
class Fragment:
    """A run of letters, digits and `-` that stands in every text with the needle it was taken from; part of a secret."""

    text: bytes
    any_case: bool = False
    needle: bytes = b""
    """All of it where the run is too short to be searched on its own: a symbol follows it that may be spelled in several ways."""


class Windows:
    """Some fragments, known by their windows; prints as `***`."""

    __slots__ = ("_read", "_rests", "_searches")

    def __init__(self, tokens: Sequence[bytes], rests: Sequence[Sequence[bytes]]) -> None:
        self._searches = [
            BytesAhoCorasick(tokens[at : at + _AT_ONCE], matchkind=MatchKind.LeftmostFirst).find_matches_as_indexes
            for at in range(0, len(tokens), _AT_ONCE)
        ]
        self._rests = rests
        self._read = _WIDEST + 1 + _COMPARED * (1 if all(len(runs) == 1 for runs in rests) else _MOST_SPELLED)
        """Bytes without breaks in which a fragment that begins at a token ends."""

    def __repr__(self) -> str:
        return "***"

    def finds(self, data: bytes) -> bool | None:
        """Whether a fragment is in the text, in either case and however broken. None where that must be found out in another way,
        because this would cost more: too much looks like it."""
        if _LINE_FEED in data or _RETURN in data or _TAB in data:
            data = data.translate(_SPACES)
        if len(data) <= PIECE:
            return self._finds_in(data, data, 0)
        for start in range(0, len(data), PIECE):
            if (found := self._finds_in(data[start : start + PIECE + OVERLAP], data, start)) is not False:
                return found
        return False

    def _finds_in(self, piece: bytes, data: bytes, start: int) -> bool | None:
        for search in self._searches:
            if found := search(piece):
                if len(found) > (len(piece) >> 8) + 4:
                    return None
                if any(self._stands_from(data, start + begin) for _, begin, _ in found):
                    return True
        return False

    def _stands_from(self, data: bytes, begin: int) -> bool:
        """Or might stand, behind more breaks than are worth reading here."""
        size = 2 * self._read
        while size < PIECE:
            bare = data[begin : begin + size].translate(LOWER, LINE_ESCAPES)
            if len(bare) >= self._read or begin + size >= len(data):  # tokens that overlap this one are read with it
                return any(_in_order(runs, bare) for runs in self._rests)
            size *= 4
        return True


def _in_order(runs: Sequence[bytes], bare: bytes) -> bool:
    at = 0
    for run in runs:
        if (at := bare.find(run, at)) < 0:
            return False
        at += len(run)
    return True


def windows_for(fragments: Collection[Fragment]) -> Windows | None:
    """As wide as fit into one search. None where they have too many tokens at their narrowest."""
    if len(fragments) * _LEAST_TOKENS > _AT_ONCE * _MOST_SEARCHES:
        return None
    texts = [(_from_window(fragment), fragment.any_case) for fragment in fragments]
    for width in range(_WIDEST, _WIDTH - 1, -1):
        tokens = {token for text, any_case in texts for token in _tokens(text[:width], any_case)}
        if len(tokens) <= _AT_ONCE:
            break
    if len(tokens) > _AT_ONCE * _MOST_SEARCHES:
        return None
    return Windows(sorted(tokens), sorted({_rest(text) for text, _ in texts}))


def _rest(text: bytes) -> tuple[bytes, ...]:
    """What follows in a text without breaks where a window begins: the runs, between which symbols may stand."""
    runs = map(_bare, _RUN.findall(text[:_COMPARED].lower()))
    return tuple(run for run in runs if run)


def _bare(text: bytes) -> bytes:
    return text.translate(None, LINE_ESCAPES)


def _from_window(fragment: Fragment) -> bytes:
    """It begins at what is most seldom seen, and not so near the end that little would be compared."""
    text = fragment.needle or fragment.text
    commonness = text.translate(_COMMONNESS)
    left, last = _LEFT_OF_HEX if fragment.any_case else _LEFT, len(text) - _WIDTH
    while last and len(_bare(text[last:])) < left:
        last -= 1
    letters = [at for at, common in enumerate(commonness) if common != _SYMBOL]
    return text[min([at for at in letters if at <= last] or letters[:1], key=lambda at: commonness[at : at + _WIDTH]) :]


def _tokens(window: bytes, any_case: bool) -> Iterator[bytes]:
    for length, letter in enumerate(window, 1):
        if _COMMONNESS[letter] == _SYMBOL:
            yield from (window[: length - 1] + first for first in (*_FIRST_OF_SYMBOLS, window[length - 1 : length]))
            return
        for spelled in _cases(window[:length]) if any_case else (window[:length],):
            yield from (spelled + after for after in _BREAKS) if length < len(window) else (spelled,)


def _cases(text: bytes) -> Iterator[bytes]:
    return (bytes(letters) for letters in product(*({letter, *bytes([letter]).upper()} for letter in text)))
