"""How each kind of machine secret is written: prefix, alphabet, length, checksum. Makers make by this table, scanners find by it.

A checksum is CRC32 over the random characters, so that a scanner tells a key from a text that looks like one without asking anybody;
it says nothing of whether the key is any good. What is a JWT has its header and payload for that.
"""

import re
import secrets
import zlib
from binascii import Error as NotBase64
from dataclasses import dataclass
from typing import Any

import msgspec
from joserfc.util import urlsafe_b64decode

HEX = "0123456789abcdef"
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LONGEST = 2048
"""Characters of one part of a JWT. Nothing that is made here comes near."""
_HEAD = rf"eyJ[A-Za-z0-9_-]{{10,{LONGEST}}}+\.[A-Za-z0-9_-]{{10,{LONGEST}}}+\."


@dataclass(frozen=True, slots=True)
class KeyFormat:
    """`kind` as in the rows of credentials. `size` random characters of `alphabet`, then `check` characters of their CRC32 in the same
    alphabet. `shown`: how many of the first characters a mask shows."""

    kind: str
    title: str
    prefix: str
    alphabet: str
    size: int
    check: int
    shown: int = 4

    def new(self) -> str:
        """One that nobody has: at least 128 bits from the system's randomness."""
        body = "".join(secrets.choice(self.alphabet) for _ in range(self.size))
        return f"{self.prefix}{body}{self._checksum(body)}"

    @property
    def pattern(self) -> str:
        return rf"{re.escape(self.prefix)}[{self.alphabet}]{{{self.size + self.check}}}"

    @property
    def longest(self) -> int:
        return len(self.prefix) + self.size + self.check

    def shaped(self, text: str) -> bool:
        """Prefix, length and alphabet are right."""
        body = text[len(self.prefix) :]
        return text.startswith(self.prefix) and len(body) == self.size + self.check and set(body) <= set(self.alphabet)

    def holds(self, text: str) -> bool:
        """The checksum is right too."""
        body = text[len(self.prefix) : -self.check]
        return self.shaped(text) and text[-self.check :] == self._checksum(body)

    def mask(self, text: str) -> str:
        return f"{text[: len(self.prefix) + self.shown]}...{text[-4:]}"

    def _checksum(self, body: str) -> str:
        number, digits = zlib.crc32(body.encode("utf-8", "surrogatepass")), ""
        for _ in range(self.check):
            number, digit = divmod(number, len(self.alphabet))
            digits = self.alphabet[digit] + digits
        return digits


@dataclass(frozen=True, slots=True)
class JwtFormat:
    """`prefix`, then a JWT (RFC 7519 in the compact form) whose header says these things, whose payload has these claims, and whose
    signature takes so many characters."""

    kind: str
    title: str
    prefix: str
    header: tuple[tuple[str, tuple[str, ...]], ...]
    claims: tuple[str, ...]
    signature: int

    @property
    def pattern(self) -> str:
        return f"{re.escape(self.prefix)}{_HEAD}[A-Za-z0-9_-]{{{self.signature}}}"

    @property
    def longest(self) -> int:
        return len(self.prefix) + 2 * (LONGEST + 4) + self.signature

    def shaped(self, text: str) -> bool:
        return re.fullmatch(self.pattern, text) is not None

    def holds(self, text: str) -> bool:
        """Header and payload say what they must; the signature is not looked at."""
        if not self.shaped(text):
            return False
        said, claims = _json(text[len(self.prefix) :].split(".")[0]), self.payload(text)
        return all(said.get(name) in values for name, values in self.header) and all(name in claims for name in self.claims)

    def payload(self, text: str) -> dict[str, Any]:
        """What a text of this shape says, nothing verified."""
        return _json(text.split(".")[1])

    def mask(self, text: str) -> str:
        return f"{self.prefix or 'eyJ'}...{text[-4:]}"


def _header(alg: str, *types: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (("alg", (alg,)), ("typ", types))


Format = KeyFormat | JwtFormat
ACCESS_KEY = KeyFormat("access_key", "access key secret", "sds_", HEX, 48, 8)
API_KEY = KeyFormat("api_key", "API key", "orch_", HEX, 32, 8)
SECRET_KEY = JwtFormat("secret_key", "project secret key", "sk_conductor_", _header("HS256", "sk+jwt"), ("jti", "project"), 43)
PUBLISHABLE_KEY = KeyFormat("publishable_key", "publishable key", "pk_conductor_", BASE62, 24, 6)
INVITE = KeyFormat("invite", "invitation", "sdi_", HEX, 48, 8)
ACCESS_TOKEN = JwtFormat(
    "access_token", "access token", "", _header("ES256", "at+jwt", "execution+jwt"), ("client_id", "jti", "exp", "project"), 86
)  # fmt: skip
"""Execution tokens as well (kit/tokens.py)."""
AUTH_SESSION = KeyFormat("auth_session", "client secret of an auth session", "auth_sess_client_secret_", HEX, 48, 8)
CONSOLE_SESSION = KeyFormat("console_session", "cookie of a console session", "sdsess_", HEX, 48, 8)
FORMATS: tuple[Format, ...] = (ACCESS_KEY, API_KEY, SECRET_KEY, PUBLISHABLE_KEY, INVITE, AUTH_SESSION, CONSOLE_SESSION, ACCESS_TOKEN)
PUBLIC = frozenset({PUBLISHABLE_KEY.kind})
"""Identifiers that pages show to everybody: found, they are no leak."""


def format_of(text: str) -> Format | None:
    """By its prefix: what a text with this beginning would be. A JWT of any sort is an access token here."""
    for each in FORMATS:
        if each.prefix and text.startswith(each.prefix):
            return each
    return ACCESS_TOKEN if text.startswith("eyJ") else None


def mask(text: str) -> str:
    """What may be shown of a secret of any kind; of one of no known kind nothing."""
    found = format_of(text)
    return found.mask(text) if found is not None and found.shaped(text) else "..."


def _json(part: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(urlsafe_b64decode(part.encode("ascii")))
    except (NotBase64, ValueError, msgspec.DecodeError):
        return {}
    return found if isinstance(found, dict) else {}
