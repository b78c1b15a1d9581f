"""Identifiers and machine secrets, from the system's randomness."""

import secrets
import uuid
import zlib
from collections.abc import Callable

NewId = Callable[[], str]
_OF_IDS = frozenset("0123456789abcdef-")


def new_id() -> str:
    """A random UUID in its canonical text form."""
    return str(uuid.uuid4())


def is_id(text: str) -> bool:
    """Whether it looks like what `new_id` makes."""
    return len(text) == 36 and text.count("-") == 4 and set(text) <= _OF_IDS


def new_token(prefix: str, size: int = 24) -> str:
    """`prefix` + `size` random bytes in hex + 8 hex characters of CRC32 over that hex, so that scanners recognise a leak."""
    body = secrets.token_hex(size)
    return f"{prefix}{body}{zlib.crc32(body.encode()):08x}"


def checksum_holds(token: str, prefix: str) -> bool:
    """Whether `token` has this prefix and a body whose checksum is right. Says nothing about the store."""
    body, check = token[len(prefix) : -8], token[-8:]
    return token.startswith(prefix) and bool(body) and f"{zlib.crc32(body.encode()):08x}" == check


def jitter(limit: int) -> int:
    """A random whole number from 0 to `limit` inclusive."""
    return secrets.randbelow(limit + 1) if limit > 0 else 0
