"""Access tokens: ES256 JWTs of the type `at+jwt` (RFC 7519, RFC 7518 3.4, RFC 9068), through joserfc. One verifier, one algorithm."""

from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.util import urlsafe_b64encode

from stagedoor.kit.errors import TokenExpired, Unauthenticated

ALGORITHM = "ES256"
TYPE = "at+jwt"
_ES256 = ECDSA(SHA256())
_HEADER = frozenset({"alg", "typ", "kid"})


class Claims(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an access token says. `exp`, `iat` are epoch seconds (RFC 7519); `client_id` is the credential it was minted by.

    `ceiling` narrows what that credential may; `act` says who acts for the subject (RFC 8693 4.1); `origin` names what this token was had
    by (the jti of other tokens, the revision of a trust): revoked, any of them ends this one too."""

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


class SigningKey:
    """A P-256 key pair with its `kid`."""

    def __init__(self, kid: str, key: ECKey) -> None:
        self.kid = kid
        self._key = key
        self._private = key.get_op_key("sign")
        self._header = urlsafe_b64encode(msgspec.json.encode({"alg": ALGORITHM, "typ": TYPE, "kid": kid}))

    @classmethod
    def new(cls, kid: str) -> "SigningKey":
        return cls(kid, ECKey.generate_key("P-256"))

    @classmethod
    def load(cls, kid: str, private: bytes) -> "SigningKey":
        """From the bytes `private()` gave."""
        return cls(kid, ECKey.import_key(private))

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
        signed = self._header + b"." + urlsafe_b64encode(msgspec.json.encode(claims))
        r, s = decode_dss_signature(self._private.sign(signed, _ES256))
        return (signed + b"." + urlsafe_b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big"))).decode()


def kid_of(token: str) -> str:
    """The key that a token names, nothing verified. Unauthenticated where it is no token."""
    try:
        kid = jws.extract_compact(token.encode("ascii")).headers()["kid"]
    except (JoseError, KeyError, TypeError, ValueError):
        raise Unauthenticated from None
    if not isinstance(kid, str):
        raise Unauthenticated
    return kid


def verify(token: str, keys: Mapping[str, SigningKey], issuer: str, audience: str) -> Claims:
    """The claims of a token whose signature, type and audience hold. Expiry is asked separately, by `check_time`.

    Any header field besides `alg`, `typ` and `kid` is refused: `crit`, `jwk`, `jku`, `x5u` would let a token choose its own key.
    """
    try:
        parts = jws.extract_compact(token.encode("ascii"))
        header = parts.headers()
        if set(header) != _HEADER or header["alg"] != ALGORITHM or header["typ"] != TYPE:
            raise Unauthenticated
        key = keys[header["kid"]]
        if not jws.validate_compact(parts, key._key, algorithms=[ALGORITHM]):
            raise Unauthenticated
        claims = msgspec.json.decode(parts.payload, type=Claims)
    except (JoseError, msgspec.MsgspecError, KeyError, TypeError, ValueError):
        raise Unauthenticated from None
    if claims.iss != issuer or claims.aud != audience:
        raise Unauthenticated
    return claims


def check_time(claims: Claims, now: int) -> None:
    """TokenExpired from `exp` on. `now` is epoch milliseconds."""
    if now >= claims.exp * 1000:
        raise TokenExpired
