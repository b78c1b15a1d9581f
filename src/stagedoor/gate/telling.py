"""The escapes after which a run of letters, digits and `-` of a value might not stand in a text as it is.

No encoder has a reason to escape those, so an escape that stands for one of them, for a line break, or for the beginning of another
escape is *telling*: where there is one, a text must be read closely. JSON's `\\"`, `%20`, `&lt;`, `\\u0434` and their like are not.

The patterns say exactly which escapes tell. They are tried only where an automaton of their beginnings (`tokens`) finds one, because
a search by pattern stops at every `%`, `&` and backslash, and the automaton passes those at a tenth of the cost.
"""

import re
from collections.abc import Iterator
from functools import cache
from itertools import product

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

PIECE = 1 << 16
"""Bytes searched at once, so that a text full of matches makes no list of all."""
OVERLAP = 32
"""Bytes of the next piece that are searched with one; no token is as long."""

_PAIR = rb"3{b}[0-9]|[46]{b}[1-9a-fA-F]|[57]{b}[0-9aA]|2{b}[dD]|0{b}[aAdD]"
_NAMED = rb"(?:percnt|bsol|num|NewLine|fjlig)[;%\\&]"
_AFTER_AMPERSAND = rb"(?=[#%\\]|amp|AMP|" + _NAMED + rb")"
_LEADS = rb"2{b}5(?=[0-9a-fA-Fu%\\&])|5{b}[cC](?=[ac-eg-su-zA-Z0-9\\&-])|2{b}6" + _AFTER_AMPERSAND


def _pattern(text: bytes) -> re.Pattern[bytes]:
    """`{b}`: backslashes, which whoever undoes JSON first drops."""
    return re.compile(text.replace(b"{b}", rb"\\*+"))


URL = _pattern(rb"%{b}(?:u{b}0{b}0{b})?(?:" + _PAIR + rb"|" + _LEADS + rb")")
JSON = _pattern(rb"\\(?:x|u{b}0{b}0){b}(?:" + _PAIR + rb"|2{b}5|5{b}[cC]|2{b}6" + _AFTER_AMPERSAND + rb")")
_DECIMAL = rb"0*+(?:1[03]|3[578]|45|4[89]|5[0-7]|6[5-9]|[78][0-9]|9[02789]|1[01][0-9]|12[0-2])(?![0-9])|0{4}|0*+[0-9]{0,2}\\"
_HEXADECIMAL = (
    rb"0*+(?:3[0-9]|[46][1-9a-fA-F]|[57][0-9aA]|2[dD356]|5[cC]|[aAdD])(?![0-9a-fA-F])|0{4}|0*+[0-9a-fA-F]?\\"
)  # fmt: skip
_NUMBER = rb"#{b}(?:" + _DECIMAL + rb"|[xX](?:" + _HEXADECIMAL + rb"))"
HTML = _pattern(rb"&(?:{b}(?:" + _NUMBER + rb"|(?:amp|AMP);?" + _AFTER_AMPERSAND + rb"|" + _NAMED + rb"|%{b}2{b}3)|\\++[ux]{b}[02])")
PATTERNS = {b"%"[0]: URL, b"&"[0]: HTML, b"\\"[0]: JSON}
_PERCENT, _AMPERSAND, _BACKSLASH = PATTERNS


def tells(data: bytes) -> bool:
    """Whether a telling escape is in the text."""
    if not (_BACKSLASH in data or _PERCENT in data or _AMPERSAND in data):
        return False
    if len(data) <= PIECE and not _automaton().find_matches_as_indexes(data):
        return False
    return any(True for _ in telling_places(data))


def telling_places(data: bytes) -> Iterator[int]:
    """Where telling escapes begin; of some that overlap one at least."""
    find = _automaton().find_matches_as_indexes
    for start in range(0, len(data), PIECE):
        piece = data if len(data) <= PIECE else data[start : start + PIECE + OVERLAP]
        if not (found := find(piece)):
            continue
        if len(found) > (len(piece) >> 8) + 4:  # more than the patterns take to find them on their own
            yield from _by_pattern(data, start)
            return
        for _, begin, end in found:
            for at in range(start + begin, start + end):  # what overlaps a match is not found again
                if (pattern := PATTERNS.get(data[at])) and pattern.match(data, at):
                    yield at


def _by_pattern(data: bytes, start: int) -> Iterator[int]:
    return (match.start() for pattern in PATTERNS.values() for match in pattern.finditer(data, start))


@cache
def _automaton() -> BytesAhoCorasick:
    """`Standard`: the match that ends first. One that begins before it is none the less found, because a lead within a token is its
    last byte. (The other kinds cannot pass over what holds no lead when there are so many tokens; measured: 3 ns a byte, not 0.1.)"""
    return BytesAhoCorasick(sorted(tokens()), matchkind=MatchKind.Standard, implementation=Implementation.DFA)


# --- beginnings: whatever a pattern matches begins with one of these ----------------------------------------------------------

_HEX = "0123456789abcdefABCDEF"


def tokens() -> set[bytes]:
    telling = _pattern(_PAIR.replace(b"{b}", b"") + rb"|2[56]|5[cC]")
    pairs = {pair for pair in map("".join, product(_HEX, _HEX)) if telling.fullmatch(pair.encode())}
    of_pairs = (token for lead in ("%", "%u00", "\\x", "\\u00") for token in _of_pairs(lead, pairs))
    return {token.encode() for token in (*of_pairs, *_of_html(pairs))}


def _of_pairs(lead: str, pairs: set[str]) -> Iterator[str]:
    """The escape `lead` of each of the pairs, and with a backslash at each place."""
    yield from (lead + pair for pair in pairs)
    yield from (lead + pair[0] + "\\" for pair in pairs)
    yield from (lead[:length] + "\\" for length in range(1, len(lead) + 1) if lead[:length] != "\\")


def _of_html(pairs: set[str]) -> Iterator[str]:
    names = ["percnt", "bsol", "num", "NewLine", "fjlig"]
    yield from ("&\\", "&%", "&#0", "&#\\", *("&" + name for name in names))
    yield from (f"&{amp}{end}{then}" for amp in ("amp", "AMP") for end in (";", "") for then in ("#", "%", "\\", "amp", "AMP", *names))
    yield from (f"&#{code}" for code in (10, 13, 35, 37, 38, 45, *range(48, 58), *range(65, 93), *range(97, 123)))
    yield from (f"&#{code}\\" for code in range(1, 100))
    for lead in ("&#x", "&#X"):
        yield from (lead + digit for digit in ("0", "\\", "a", "A", "d", "D"))
        yield from (lead + digit + "\\" for digit in _HEX)
        yield from (lead + code for code in (*pairs, "23"))
