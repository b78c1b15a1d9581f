"""Canaries: secrets that hold a tag of chance, and how that tag may be written where one got out.

The search knows nothing of how values are masked (gate/redaction.py): it would find what that overlooks.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from stagedoor.kit.ids import new_id

_AROUND = (("", ""), ('"quoted" \\', "'<b> é漢🎭"), ("Bearer user:", "+/=="))


@dataclass(frozen=True)
class Canary:
    """`value` is what a consumer gets; `stored` what the secret holds, of which `path` leads to the value."""

    name: str
    tag: str = field(repr=False)
    value: str = field(repr=False)
    path: str = ""

    @property
    def reference(self) -> str:
        return f"${{workflow.secrets.{self.name}{self.path}}}"

    @property
    def stored(self) -> str:
        return json.dumps({"deep": {"key": self.value}}) if self.path else self.value


def brood(door: str) -> list[Canary]:
    """One of each kind for a door: plain, with what encodings change, with what base64 has, and within JSON. What would end a query
    (`&`, `#`) is in none: half a value that comes back is not the value."""
    around = (*_AROUND, _AROUND[0])
    return [_make(f"canary_{door}_{number}", *around[number], number == len(_AROUND)) for number in range(len(around))]


def _make(name: str, before: str, after: str, inside: bool) -> Canary:
    tag = "".join(letter.upper() if place % 2 else letter for place, letter in enumerate("kz" + new_id().replace("-", "")[:12]))
    return Canary(name, tag, before + tag + after, ".deep.key" if inside else "")


class Haystack:
    """A text to be searched for tags; also with line breaks taken out, those too that JSON has escaped."""

    def __init__(self, data: bytes) -> None:
        unfolded = data.translate(None, b"\r\n").replace(b"\\n", b"").replace(b"\\r", b"")
        self._texts = [(text, text.lower()) for text in (data, unfolded)]

    def forms_of(self, tag: str) -> list[str]:
        """The names of the forms in which it stands there."""
        raw, found = tag.encode(), dict[str, None]()
        for text, low in self._texts:
            found |= {form: None for form, needle in _exact(raw).items() if needle in text}
            found |= {form: None for form, needle in _any_case(raw).items() if needle in low}
        return list(found)


def _exact(raw: bytes) -> Mapping[str, bytes]:
    forms = {"plain text": raw, "UTF-16": raw.decode().encode("utf-16-le")}
    for start in range(3):
        whole = base64.b64encode(bytes(start) + raw)
        forms[f"base64 at {start}"] = whole[-(-start * 8 // 6) : (start + len(raw)) * 8 // 6]
    return forms


def _any_case(raw: bytes) -> Mapping[str, bytes]:
    return {
        "text of another case": raw.lower(),
        "hex": raw.hex().encode(),
        "%XX": b"".join(b"%%%02x" % byte for byte in raw),
        "\\uXXXX": b"".join(b"\\u%04x" % byte for byte in raw),
        "&#N;": b"".join(b"&#%d;" % byte for byte in raw),
        "&#xH;": b"".join(b"&#x%x;" % byte for byte in raw),
    }
