"""Redaction of outputs without a hit: megabytes a second of CPU, for one value and for twenty, by size and kind of the output, and for
one value of each kind.

python -m bench.redaction
"""

import random
import statistics
import string
import time
from collections.abc import Callable
from typing import Any

import msgspec

from stagedoor.gate.redaction import Redactor

AIMS = {1: 200, 20: 25}
SIZES = {"1 KB": 1_000, "100 KB": 100_000, "5 MB": 5_000_000}
ROUNDS = 15
_WORDS = ("order", "customer", "shipped", "pending", "address", "street", "amount", "total", "currency", "invoice", "the", "a", "of", "and")
_ALPHABET = string.ascii_letters + string.digits
Say = Callable[[random.Random, str], str]
KINDS: dict[str, Say] = {
    "plain words": lambda chance, text: text,
    "unicode": lambda chance, text: text + chance.choice(("", " Straße 漢字", " ünïcode", " 🎭")),
    "escapes of URLs": lambda chance, text: chance.choice((text, f"{text} 20% off", f"https://x.example/?q=a%20b&c=d%2F{text}")),
    "escapes of HTML": lambda chance, text: chance.choice((text, f"{text} R&D", f"<b>&amp; {text}&lt;")),
    "lines and quotes": lambda chance, text: chance.choice((text, f'{text}\n"quoted" {text}', f"C:\\dir\\{text}")),
    "JSON in JSON": lambda chance, text: msgspec.json.encode({"text": text, "more": [text]}).decode(),
}


def output(kind: str, size: int) -> dict[str, Any]:
    """Like a worker's: a list of records."""
    chance, records, written = random.Random(f"{kind} {size}"), list[Any](), 0

    def text() -> str:
        return KINDS[kind](chance, " ".join(chance.choices(_WORDS, k=chance.randint(3, 25))))

    while written < size:
        records.append({"id": chance.randrange(10**9), "name": text(), "ok": True, "price": chance.random() * 100, "note": text()})
        written += len(msgspec.json.encode(records[-1]))
    return {"records": records}


def values(count: int) -> list[str]:
    """Tokens and keys, as they are in use: of letters and digits, and of base64."""
    chance = random.Random(7)
    alphabets = (_ALPHABET, _ALPHABET + "+/")
    return ["".join(chance.choices(alphabets[number % 2], k=chance.randint(20, 48))) for number in range(count)]


ONE_OF_EACH = {
    "letters and digits": values(1)[0],
    "base64": values(2)[1],
    "hexadecimal": random.Random(8).randbytes(32).hex(),
    "UUID": "6f1c2c1e-8d0b-4c52-9c3a-1f0d5e7a9b21",
    "digits": "4929123456789012",
    "address of a database": "postgres://user:pa55w0rd-Xk@db.internal.example:5432/name?sslmode=require",
    "words": "correct horse battery",
    "symbols throughout": "X9!k@2#mQ$7p",
    "JSON": '{"user":"bob","password":"x/y+z12345","port":5432}',
    "key in lines": "-----BEGIN KEY-----\n" + "\n".join("Ab0/x7Kq" * 8 for _ in range(9)) + "\n-----END KEY-----\n",
}


def redaction_megabytes() -> dict[str, float]:
    """Megabytes of JSON a second, by how many values and which output, and by kind of value."""
    report: dict[str, float] = {}
    for count, aim in AIMS.items():
        for kind in KINDS:
            report |= _cells(f"{count}, {kind}", values(count), {size: output(kind, bytes_) for size, bytes_ in SIZES.items()}, aim)
    for kind, value in ONE_OF_EACH.items():
        report |= _cells(f"1 of {kind}", [value], {kind.split()[-1]: output(kind, SIZES["100 KB"]) for kind in KINDS}, AIMS[1])
    return report


def _cells(name: str, of: list[str], outputs: dict[str, Any], aim: int) -> dict[str, float]:
    """Of one redactor that is kept: the median of some rounds, taken in turn, and in brackets the best: who shares the core slows the
    median down."""
    redactor, rates = Redactor(of), {size: list[float]() for size in outputs}
    for _ in range(ROUNDS):
        for size, value in outputs.items():
            rates[size].append(_rate(redactor, value))
    report = {size: round(statistics.median(some), 1) for size, some in rates.items()}
    shown = "  ".join(f"{size}: {rate:>3,.0f} ({max(rates[size]):>3,.0f})" for size, rate in report.items())
    print(f"redaction, {name:<30} {shown} MB/s   aim {aim}", flush=True)
    return {f"{name}, {size}": rate for size, rate in report.items()}


def _rate(redactor: Redactor, value: Any) -> float:
    size = len(msgspec.json.encode(value))
    again = max(1, 300_000 // size)
    begun = time.thread_time()
    for _ in range(again):
        if redactor.clean(value) is not value:
            raise RuntimeError("something was masked")
    return size * again / (time.thread_time() - begun) / 1e6


if __name__ == "__main__":
    redaction_megabytes()
