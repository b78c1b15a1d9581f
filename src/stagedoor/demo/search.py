"""Looking for a text everywhere, in every form it may have been written in."""

import base64
import html
import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus


def forms(text: str) -> dict[str, bytes]:
    """The ways `text` may stand in bytes: as it is, escaped for JSON, HTML and URLs, in hex, in base64 at each alignment, ..."""
    raw = text.encode()
    found = {
        "plain": raw,
        "JSON": json.dumps(text)[1:-1].encode(),
        "HTML": html.escape(text).encode(),
        "URL": quote(text, safe="").encode(),
        "form": quote_plus(text).encode(),
        "every byte as %XX": b"".join(b"%%%02X" % byte for byte in raw),
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "UTF-16": text.encode("utf-16-le"),
        "reversed": raw[::-1],
    }
    for start in range(3):
        standard = _base64_at(raw, start)
        found[f"base64 at {start}"] = standard
        found[f"base64url at {start}"] = standard.translate(bytes.maketrans(b"+/", b"-_"))
    return found


def _base64_at(raw: bytes, start: int) -> bytes:
    """The characters of base64 that `raw` alone decides when `start` bytes stand before it: those shared with a neighbour are left out."""
    encoded = base64.b64encode(bytes(start) + raw)
    first = -(-start * 8 // 6)
    return encoded[first : (start + len(raw)) * 8 // 6]


def places(text: str, where: Mapping[str, bytes]) -> list[str]:
    """`name (form)` for each place of `where` that holds the text in some form."""
    return [f"{name} ({form})" for name, data in where.items() for form, wanted in forms(text).items() if wanted in data]


def files_of(*paths: Path) -> dict[str, bytes]:
    """Name -> content of these files, and of all files below these folders."""
    files = [file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path]) if file.is_file()]
    return {file.name: file.read_bytes() for file in files}
