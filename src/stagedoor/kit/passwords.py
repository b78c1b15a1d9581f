"""Passwords: argon2id (RFC 9106) with the library's own defaults. One hash takes tens of milliseconds and 64 MB: callers bound them."""

import secrets
from base64 import b64encode

import argon2

from stagedoor.kit.errors import BadInput

MIN_LENGTH = 15
MAX_LENGTH = 1024
_hasher = argon2.PasswordHasher()


def hash_password(password: str) -> str:
    """The encoded argon2id hash; BadInput on a password shorter than 15 or longer than 1024 characters."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise BadInput(f"password: it has {MIN_LENGTH} to {MAX_LENGTH} characters", "password")
    return _hasher.hash(password)


def unmatchable_hash() -> str:
    """As `hash_password` encodes one, of no password that anybody knows: salt and digest are random. To compare with it takes as long."""
    costs = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    salt, digest = (b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (_hasher.salt_len, _hasher.hash_len))
    return f"$argon2id$v=19${costs}${salt}${digest}"


def password_matches(hashed: str, password: str) -> bool:
    try:
        return len(password) <= MAX_LENGTH and _hasher.verify(hashed, password.encode("utf-8", "surrogatepass"))
    except argon2.exceptions.VerificationError:
        return False
