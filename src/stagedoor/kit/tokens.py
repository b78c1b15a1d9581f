"""Access tokens: ES256 JWTs of the type `at+jwt` (RFC 7519, RFC 7518 3.4, RFC 9068), through joserfc. One verifier, one algorithm."""

from collections.abc import Mapping
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.util import urlsafe_b64encode

from stagedoor.kit.errors import TokenExpired, Unauthenticated

ALGORITHM = "ES256"
TYPE = "at+jwt"
_ES256 = jws.JWSRegistry.algorithms[ALGORITHM]
_HEADER = frozenset({"alg", "typ", "kid"})


class Claims(msgspec.Struct, frozen=True):
    """What an access token says. `exp`, `iat` are epoch seconds (RFC 7519); `client_id` is the credential it was minted by."""

    iss: str
    aud: str
    sub: str
    client_id: str
    project: str
    jti: str
    iat: int
    exp: int


class SigningKey:
    """A P-256 key pair with its `kid`."""

    def __init__(self, kid: str, key: ECKey) -> None:
        self.kid = kid
        self._key = key
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
        """The compact form of RFC 7515 7.1. The header is always the same, so only the payload is encoded and signed anew:
        the library's own serializer takes as long again as the signature to check a header that is known to be right."""
        signed = self._header + b"." + urlsafe_b64encode(msgspec.json.encode(claims))
        return (signed + b"." + urlsafe_b64encode(_ES256.sign(signed, self._key))).decode()


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
