"""Access tokens and execution tokens: ES256 JWTs of the types `at+jwt` (RFC 9068) and `execution+jwt` (RFC 7519, RFC 7518 3.4), through
joserfc. One algorithm, and for each kind one verifier.

Beside the signature, which anybody can check, each carries a MAC that only who has the master key can make: a signing key that was
found in a dump or in the memory of a process makes no token that is taken here.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.util import urlsafe_b64encode

from stagedoor.kit.crypto import Key, same
from stagedoor.kit.errors import TokenExpired, Unauthenticated

ALGORITHM = "ES256"
_MAC = 32
"""Hex characters of a MAC: 128 bits."""
_ES256 = ECDSA(SHA256())
_HEADER = frozenset({"alg", "typ", "kid"})


class Claims(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an access token says. `exp`, `iat` are epoch seconds (RFC 7519); `client_id` is the credential it was minted by.

    `ceiling` narrows what that credential may; `act` says who acts for the subject (RFC 8693 4.1); `origin` names what this token was had
    by (the jti of other tokens, the revision of a trust): revoked, any of them ends this one too. `mac` is put in when it is signed."""

    typ: ClassVar[str] = "at+jwt"
    """Of the header (RFC 8725 3.11: it keeps the kinds apart)."""

    iss: str
    aud: str
    sub: str
    client_id: str
    project: str
    jti: str
    iat: int
    exp: int
    ceiling: dict[str, Any] | None = None
    act: dict[str, Any] | None = None
    origin: tuple[str, ...] = ()
    mac: str = ""


class ExecutionClaims(Claims, frozen=True, omit_defaults=True, kw_only=True):
    """What an execution token says beside that: it speaks for one task of one run. `sub` is `run:<workflowId>`, `act` names the starter,
    `client_id` is the credential of the worker that asked."""

    typ: ClassVar[str] = "execution+jwt"

    workflow: str
    version: int
    task: str
    """The task's id."""
    task_ref: str
    poll_count: int
    """How often the task had been handed out."""
    voucher: str
    """Who last saved that task in the definition."""
    acting: tuple[str, ...] = ()
    """The credentials of those by whose token the worker asked."""


C = TypeVar("C", bound=Claims)


class SigningKey:
    """A P-256 key pair with its `kid`, and the key of the MAC that its tokens carry."""

    def __init__(self, kid: str, key: ECKey, mac: Key) -> None:
        self.kid = kid
        self._key = key
        self._mac = mac
        self._private = key.get_op_key("sign")
        self._headers = {kind.typ: _header(kid, kind.typ) for kind in (Claims, ExecutionClaims)}

    @classmethod
    def new(cls, kid: str, mac: Key) -> "SigningKey":
        return cls(kid, ECKey.generate_key("P-256"), mac)

    @classmethod
    def load(cls, kid: str, private: bytes, mac: Key) -> "SigningKey":
        """From the bytes `private()` gave."""
        return cls(kid, ECKey.import_key(private), mac)

    def __repr__(self) -> str:
        return f"SigningKey({self.kid})"

    def private(self) -> bytes:
        """The private key as PKCS #8 PEM, to be sealed at once."""
        return self._key.as_pem(private=True)

    def public(self) -> dict[str, Any]:
        """The public key as a JWK (RFC 7517)."""
        return {**self._key.as_dict(private=False), "kid": self.kid, "use": "sig", "alg": ALGORITHM}

    def sign(self, claims: Claims) -> str:
        """The compact form of RFC 7515 7.1, signed as RFC 7518 3.4 says: R and S, 32 bytes each. The header is always the same, so
        only the payload is encoded and signed anew: joserfc's serializer takes as long again as the signature to check a header."""
        payload = msgspec.json.encode(msgspec.structs.replace(claims, mac=self.mac_of(claims)))
        signed = self._headers[claims.typ] + b"." + urlsafe_b64encode(payload)
        r, s = decode_dss_signature(self._private.sign(signed, _ES256))
        return (signed + b"." + urlsafe_b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big"))).decode()

    def mac_of(self, claims: Claims) -> str:
        """Over all that a token says, its type and its `kid` included."""
        said = msgspec.json.encode(msgspec.structs.replace(claims, mac=""))
        return self._mac.mac(f"{claims.typ} {self.kid} ".encode() + said)[:_MAC]


def _header(kid: str, typ: str) -> bytes:
    return urlsafe_b64encode(msgspec.json.encode({"alg": ALGORITHM, "typ": typ, "kid": kid}))


def kid_of(token: str) -> str:
    """The key that a token names, nothing verified. Unauthenticated where it is no token."""
    try:
        kid = jws.extract_compact(token.encode("ascii")).headers()["kid"]
    except (JoseError, KeyError, TypeError, ValueError):
        raise Unauthenticated from None
    if not isinstance(kid, str):
        raise Unauthenticated
    return kid


def _opening_of(kind: type[Claims]) -> str:
    """How a token of a kind begins, whatever its key: enough of the header to tell the kinds apart."""
    said = f'{{"alg":"{ALGORITHM}","typ":"{kind.typ}","kid":"'.encode()
    return urlsafe_b64encode(said[: len(said) // 3 * 3]).decode()


_EXECUTION = _opening_of(ExecutionClaims)


def is_execution_token(text: str) -> bool:
    """By how it begins: so begins every execution token, and nothing else does."""
    return text.startswith(_EXECUTION)


def verify(token: str, keys: Mapping[str, SigningKey], issuer: str, audience: str | None, kind: type[C]) -> C:
    """The claims of a token of this kind whose signature, MAC and audience hold; without an `audience`, whomever it is made out for.
    Expiry is asked separately, by `check_time`.

    Any header field besides `alg`, `typ` and `kid` is refused: `crit`, `jwk`, `jku`, `x5u` would let a token choose its own key.
    """
    try:
        parts = jws.extract_compact(token.encode("ascii"))
        header = parts.headers()
        if set(header) != _HEADER or header["alg"] != ALGORITHM or header["typ"] != kind.typ:
            raise Unauthenticated
        key = keys[header["kid"]]
        if not jws.validate_compact(parts, key._key, algorithms=[ALGORITHM]):
            raise Unauthenticated
        claims = msgspec.json.decode(parts.payload, type=kind)
    except (JoseError, msgspec.MsgspecError, KeyError, TypeError, ValueError):
        raise Unauthenticated from None
    if claims.iss != issuer or audience not in (None, claims.aud) or not same(claims.mac, key.mac_of(claims)):
        raise Unauthenticated
    return claims


def check_time(claims: Claims, now: int) -> None:
    """TokenExpired from `exp` on. `now` is epoch milliseconds."""
    if now >= claims.exp * 1000:
        raise TokenExpired
