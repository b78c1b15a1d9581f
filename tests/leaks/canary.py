"""Canaries: secrets that are known again wherever they sing, by a tag, in whatever spelling."""

import base64
import secrets
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

WORKER, EGRESS, PLANTED = "qZ7xK4vW9tB", "hR3nY8mD5cL", "jG6pS2fX4wT"
"""The tags: every canary of a kind holds its own, so a search for one finds all, cut ones too."""

_AROUND = (
    ("", ""),
    ('"quoted" ', "'s"),
    ("\\ back\\slash \\", "\\n\\u0041\\"),
    ("a&b=c?d/", "#e%f+g h;"),
    ("%41%zz", "%2525"),
    ("<b>&amp;", "</b>&#65;\"'"),
    ("éß漢字🎭 ", "ñ\u200f≠"),
    ("${workflow.input.n}", "#{stagedoor:none}"),
    ("user:", "@host.example"),
    ("Bearer ", "=="),
)
_LINES = (("-----BEGIN KEY-----\n", "\n-----END KEY-----\n"), ("one\r\n\ttwo ", "\nthree"))


@dataclass(frozen=True)
class Canary:
    """One secret. `path`: what of it a task names, where the value is JSON."""

    name: str
    value: str
    path: str = ""

    @property
    def reference(self) -> str:
        return f"${{workflow.secrets.{self.name}{self.path}}}"

    @property
    def handed(self) -> str:
        """What a consumer gets."""
        return self.value if not self.path else self.value.split('"')[3]


def make(number: int, tag: str, *, lines: bool) -> Canary:
    """At least 28 random or telling characters; `lines`: some hold line breaks. The kinds come in turn."""
    core = tag + "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(17))
    kinds = _AROUND + _LINES if lines else _AROUND
    kind = number % (len(kinds) + 1)
    name = f"{tag[:2].lower()}_{number}"
    if kind == len(kinds):
        return Canary(name, f'{{"password": "{core}", "n": {number}}}', ".password")
    before, after = kinds[kind]
    return Canary(name, f"{before}{core}{after}")


def forms(tag: str) -> dict[str, bytes]:
    """The ways a tag may be written. All that cares about case is looked for as it stands; the others in lower case, see `found`."""
    raw = tag.encode()
    exact = {"plain": raw, "UTF-16": tag.encode("utf-16-le"), "UTF-16 BE": tag.encode("utf-16-be"), "reversed": raw[::-1]}
    for start in range(3):
        whole = base64.b64encode(bytes(start) + raw)
        exact[f"base64 at {start}"] = whole[-(-start * 8 // 6) : (start + len(raw)) * 8 // 6]
    return exact


def folded_forms(tag: str) -> dict[str, bytes]:
    raw = tag.encode()
    return {
        "any case": raw.lower(),
        "hex": raw.hex().encode(),
        "%XX": b"".join(b"%%%02x" % byte for byte in raw),
        "\\uXXXX": b"".join(b"\\u%04x" % byte for byte in raw),
        "\\xXX": b"".join(b"\\x%02x" % byte for byte in raw),
        "&#N;": b"".join(b"&#%d;" % byte for byte in raw),
        "&#xH;": b"".join(b"&#x%x;" % byte for byte in raw),
    }


def found(tag: str, where: Mapping[str, bytes]) -> dict[str, list[str]]:
    """place -> the forms in which the tag stands there; empty where it stands nowhere."""
    looked = {place: _forms_in(tag, data) for place, data in where.items()}
    return {place: forms for place, forms in looked.items() if forms}


def _forms_in(tag: str, data: bytes) -> list[str]:
    """Also with line breaks taken out, those too that JSON has escaped: base64 is often folded."""
    unfolded = data.translate(None, b"\r\n").replace(b"\\n", b"").replace(b"\\r", b"")
    return list(dict.fromkeys([*_in(tag, data), *_in(tag, unfolded)]))


def _in(tag: str, data: bytes) -> Iterator[str]:
    yield from (form for form, needle in forms(tag).items() if needle in data)
    low = data.lower()
    yield from (form for form, needle in folded_forms(tag).items() if needle in low)
