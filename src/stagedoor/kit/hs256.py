"""Project secret keys as they are spelled: `sk_conductor_` + a JWT signed with HMAC-SHA-256 (RFC 7519, RFC 7518 3.2). One algorithm.

Its header is always the same for one signing key, so it is compared byte for byte: there is no header field that could choose another
algorithm or another key.
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec

ALGORITHM = "HS256"
TYPE = "sk+jwt"
LONGEST = 2048


class SecretKeyClaims(msgspec.Struct, frozen=True):
    """`jti` names the row of the key; `iat` in epoch seconds."""

    jti: str
    project: str
    iat: int


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    alg: str
    typ: str
    kid: str


class HmacKey:
    """A 256-bit signing key with its `kid`. It leaves this object only to be sealed."""

    __slots__ = ("_header", "_raw", "kid")

    def __init__(self, kid: str, raw: bytes) -> None:
        self.kid = kid
        self._raw = raw
        self._header = _encoded(msgspec.json.encode(_Header(ALGORITHM, TYPE, kid)))

    @classmethod
    def new(cls, kid: str) -> "HmacKey":
        return cls(kid, secrets.token_bytes(32))

    def __repr__(self) -> str:
        return f"HmacKey({self.kid})"

    def private(self) -> bytes:
        """To be sealed at once."""
        return self._raw

    def sign(self, claims: SecretKeyClaims) -> str:
        """The compact form of RFC 7515 7.1."""
        signed = self._header + b"." + _encoded(msgspec.json.encode(claims))
        return (signed + b"." + self._signature(signed)).decode()

    def verify(self, token: str) -> SecretKeyClaims | None:
        """None unless header and signature are those that this key gives."""
        signed, _, signature = token.encode("utf-8", "surrogatepass").rpartition(b".")
        header, _, payload = signed.partition(b".")
        if header != self._header or not hmac.compare_digest(signature, self._signature(signed)):
            return None
        try:
            return msgspec.json.decode(_decoded(payload), type=SecretKeyClaims)
        except (msgspec.MsgspecError, ValueError):
            return None

    def _signature(self, signed: bytes) -> bytes:
        return _encoded(hmac.new(self._raw, signed, hashlib.sha256).digest())


def kid_of(token: str) -> str | None:
    """The `kid` that a token of this shape names; None where it is of another shape. Proves nothing: `HmacKey.verify` does."""
    head, dot, _ = token.partition(".")
    if not dot or len(token) > LONGEST or token.count(".") != 2:
        return None
    try:
        header = msgspec.json.decode(_decoded(head.encode("ascii")), type=_Header)
    except (msgspec.MsgspecError, ValueError):
        return None
    return header.kid if (header.alg, header.typ) == (ALGORITHM, TYPE) else None


def _encoded(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _decoded(data: bytes) -> bytes:
    """ValueError where it is not base64url without padding (RFC 7515, 2)."""
    if b"=" in data or b"+" in data or b"/" in data:
        raise ValueError
    return urlsafe_b64decode(data + b"=" * (-len(data) % 4))
