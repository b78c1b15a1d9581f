"""Tells quickly that a text holds none of some values in any spelling, and else which of its strings must be read closely.

Each needle (a value, or one way of encoding it) is known by a *fragment*: a run of letters, digits and `-` in it. No encoder has a
reason to escape those, so the fragment stands in the text as it is, unless some escape in the text stands for such a character, for
a line break, or for the beginning of another escape. The patterns below find exactly such escapes (JSON's `\\"`, `%20`, `&lt;` and
their like are none), and a string that holds one is read closely. All else is one search for all fragments at once.

A text with a backslash is searched without white space, backslashes, `n`, `r` and `t`, as the fragments are: so a value broken into
lines, or with needless backslashes, is met in JSON text as well, and the JSON text of a value needs no decoding.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

SHORTEST, LONGEST = 4, 32
"""Bytes of a fragment. Shorter ones stand in any text; longer ones are found no more surely."""
_RUN = re.compile(rb"[0-9a-z]+")
_WIDER_RUN = re.compile(rb"[0-9a-z-]+")
_LOWER = bytes(range(256)).lower()
_LINE_ESCAPES = b" \t\r\n\\nrtNRT"

# --- escapes after which a fragment might not stand as it is (letters, digits, `-`, line breaks, the leads of escapes) -----------

_PAIR = rb"3{b}[0-9]|[46]{b}[1-9a-fA-F]|[57]{b}[0-9aA]|2{b}[dD]|0{b}[aAdD]"
_NAMED = rb"(?:percnt|bsol|num|NewLine|fjlig)[;%\\&]"
_AFTER_AMPERSAND = rb"(?=[#%\\]|amp|AMP|" + _NAMED + rb")"
_LEADS = rb"2{b}5(?=[0-9a-fA-Fu%\\&])|5{b}[cC](?=[ac-eg-su-zA-Z0-9\\&-])|2{b}6" + _AFTER_AMPERSAND


def _pattern(text: bytes) -> re.Pattern[bytes]:
    """`{b}`: backslashes, which whoever undoes JSON first drops."""
    return re.compile(text.replace(b"{b}", rb"\\*+"))


_URL = _pattern(rb"%{b}(?:u{b}0{b}0{b})?(?:" + _PAIR + rb"|" + _LEADS + rb")")
_JSON = _pattern(rb"\\(?:x|u{b}0{b}0){b}(?:" + _PAIR + rb"|2{b}5|5{b}[cC]|2{b}6" + _AFTER_AMPERSAND + rb")")
_DECIMAL = rb"0*+(?:1[03]|3[578]|45|4[89]|5[0-7]|6[5-9]|[78][0-9]|9[02789]|1[01][0-9]|12[0-2])(?![0-9])|0{4}|[0-9]*+\\"
_HEXADECIMAL = (
    rb"0*+(?:3[0-9]|[46][1-9a-fA-F]|[57][0-9aA]|2[dD356]|5[cC]|[aAdD])(?![0-9a-fA-F])|0{4}|[0-9a-fA-F]*+\\"
)  # fmt: skip
_NUMBER = rb"#{b}(?:" + _DECIMAL + rb"|[xX](?:" + _HEXADECIMAL + rb"))"
_HTML = _pattern(rb"&(?:{b}(?:" + _NUMBER + rb"|(?:amp|AMP);?" + _AFTER_AMPERSAND + rb"|" + _NAMED + rb"|%{b}2{b}3)|\\++[ux]{b}[02])")
_TELLING = ((b"%", _URL), (b"&", _HTML), (b"\\", _JSON))


class Sieve:
    """For needles of one redactor. Linear in the text; holds fragments of secrets, prints as `***`."""

    __slots__ = ("_bare", "_low")

    def __init__(self, low: Iterable[bytes]) -> None:
        fragments = tuple(low)
        self._low = _Search(fragments)
        self._bare = _Search([fragment.translate(None, _LINE_ESCAPES) for fragment in fragments])

    def __repr__(self) -> str:
        return "***"

    def holds_back(self, data: bytes) -> bool:
        """Whether something in the text must be read closely. It may be the JSON text of a value as well as a text itself."""
        if (
            (b"%" in data and _URL.search(data))
            or (b"&" in data and _HTML.search(data))
            or ((escaped := b"\\" in data) and _JSON.search(data))
        ):
            return True
        if escaped or b"\n" in data or b"\r" in data:
            return self._bare.finds(data.translate(_LOWER, _LINE_ESCAPES))
        return self._low.finds(data.lower())

    def suspects(self, data: bytes, ends: Sequence[int]) -> set[int]:
        """The strings to be read closely, of those that `data` holds, one NUL between each two (`ends`: where each ends in it)."""
        found = {bisect_right(ends, at) for lead, pattern in _TELLING if lead in data for at in _starts(pattern, data)}
        if data.count(0) != len(ends) - 1:  # a string with NUL in it
            return set(range(len(ends)))
        if _plain(data):
            return found.union(bisect_right(ends, at) for at in self._low.places(data.lower()))
        bare, index, before = data.translate(_LOWER, _LINE_ESCAPES), 0, 0
        for at in sorted(self._bare.places(bare)):
            index, before = index + bare.count(0, before, at), at
            found.add(index)
        return found


def _plain(data: bytes) -> bool:
    """Without lines and backslashes, so that every fragment can only stand there as it is."""
    return not (b"\\" in data or b"\n" in data or b"\r" in data)


def _starts(pattern: re.Pattern[bytes], data: bytes) -> Iterator[int]:
    return (match.start() for match in pattern.finditer(data))


def sieve_for(groups: Iterable[Iterable[bytes]]) -> Sieve | None:
    """`groups`: the needles of each value. None where one of them has no fragment: then every text must be read closely."""
    chosen: set[bytes] = set()
    for needles in groups:
        own: list[bytes] = []
        for needle in sorted(needles):
            low = needle.lower()
            if any(fragment in low for fragment in own):
                continue
            fragment = _fragment(low)
            if fragment is None:
                return None
            own.append(fragment)
        chosen.update(own)
    return Sieve(chosen)


def _fragment(needle: bytes) -> bytes | None:
    """The end of the run that looks most like chance: words and prefixes (`Bearer`, `sk_live`) stand in many texts."""
    runs = (_RUN if any(len(run) >= 2 * SHORTEST for run in _RUN.findall(needle)) else _WIDER_RUN).findall(needle)
    best = max((run[-LONGEST:] for run in runs), key=lambda run: len(set(run)), default=b"")
    return best if len(best.translate(None, _LINE_ESCAPES)) >= SHORTEST else None


class _Search:
    """Searches some fragments one by one, and all at once from when that has cost as much as building the automaton does."""

    __slots__ = ("_automaton", "_fragments", "_spent")

    _BUILD = 10_000
    """What the automaton costs for each fragment, in bytes searched for one (measured: 5 us against 0.5 ns a byte)."""
    _CALL = 120
    """What a search costs before its first byte, in the same."""
    _FEW, _LONG = 6, 1 << 13
    """So many are found faster one by one in texts of so many bytes."""
    _PIECE = 1 << 16

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
        self._spent += len(data) + self._CALL
        return self._spent <= self._BUILD

    def _matches(self, data: bytes) -> Iterator[int]:
        """Piece by piece, so that a text full of them makes no list of all."""
        if self._automaton is None:
            short = [fragment[-12:] for fragment in self._fragments]
            self._automaton = BytesAhoCorasick(short, matchkind=MatchKind.Standard, implementation=Implementation.DFA)
        for start in range(0, len(data), self._PIECE):
            piece = data if len(data) <= self._PIECE else data[start : start + self._PIECE + LONGEST]
            for _, at, _ in self._automaton.find_matches_as_indexes(piece):
                yield start + at
