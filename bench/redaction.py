"""Redaction of outputs without a hit: megabytes a second of CPU, for one value and for twenty, by size and kind of the output.

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
ROUNDS = 9
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


def redaction_megabytes() -> dict[str, float]:
    """Megabytes of JSON a second, by how many values and which output; the least of each number of values is the result."""
    report: dict[str, float] = {}
    for count, aim in AIMS.items():
        for kind in KINDS:
            rates = {size: _rate(Redactor(values(count)), output(kind, size_of)) for size, size_of in SIZES.items()}
            report |= {f"{count}, {kind}, {size}": rate for size, rate in rates.items()}
            shown = "   ".join(f"{size}: {rate:>5,.0f}" for size, rate in rates.items())
            print(f"{'redaction, values: ' + str(count):<26} {kind:<18} {shown} MB/s   aim {aim}", flush=True)
    return report


def _rate(redactor: Redactor, value: Any) -> float:
    size, rates = len(msgspec.json.encode(value)), list[float]()
    again = max(1, 300_000 // size)
    for _ in range(ROUNDS):
        begun = time.thread_time()
        for _ in range(again):
            if redactor.clean(value) is not value:
                raise RuntimeError("something was masked")
        rates.append(size * again / (time.thread_time() - begun) / 1e6)
    return round(statistics.median(rates), 1)


if __name__ == "__main__":
    redaction_megabytes()
