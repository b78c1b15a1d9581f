"""Values that try the byte rules (contract/orkes.md 0.5 and 0.6), as a JSON file that both SDKs' scripts read."""

import json
from pathlib import Path

VALUES: dict[str, str] = {
    "nothing": "",
    "one byte": "x",
    "65,535 bytes": "0123456789abcde" * 4369,
    "65,535 bytes of emoji": "😀" * 16_383 + "end",
    "65,535 quotes": '"' * 65_535,
    "65,535 backslashes": "\\" * 65_535,
    "quotes": 'with "quotes" in it',
    "a quote at the end": 'with "quotes"',
    "a quote at both ends": '"all of it"',
    "a quote": '"',
    "quotes and backslashes": '\\"\\\\" \\',
    "newlines": "first\nsecond\r\nthird\n",
    "a reference to data": "${x} and ${workflow.input.zip} and $${y}",
    "a reference to a secret": "${workflow.secrets.another}",
    "a marker": "#{stagedoor:00000000-0000-4000-8000-000000000000}",
    "emoji": "😀 👩‍👩‍👧 ünï ☃ \u2028 𝄞",
    "invalid escapes": "\\x41 \\u12 \\q \\",
    "valid escapes": "\\n \\u0041 \\ud83d\\ude00",
    "NUL": "a\0b",
    "controls": "\x01\x1b[31m\x7f\t",
    "spaces at both ends": "  x  ",
    "JSON": '{"user": "u", "password": "p\\"w", "n": [1, 2.50, null]}',
    "a number": "0123.450",
    "the word null": "null",
    "for a URL": "a+b&c=d/e?f;g:h@i,j",
    "percent signs": "100% of %zz",
}
TOO_LONG = "x" * 65_536
IN_HEADERS = [
    "nothing", "one byte", "quotes", "a quote at the end", "a quote at both ends", "a reference to data", "a reference to a secret",
    "emoji", "invalid escapes", "JSON", "for a URL", "a number", "percent signs",
]  # fmt: skip
"""What a header can hold: no line breaks and other controls, no spaces at its ends, 64 KB together with the others."""


def write(path: Path, stem: str) -> Path:
    path.write_text(json.dumps({"stem": stem, "values": VALUES, "tooLong": TOO_LONG}))
    return path
