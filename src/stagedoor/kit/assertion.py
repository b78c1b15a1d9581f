"""JWTs that other issuers signed (RFC 7519, RFC 7523, OpenID Connect Core 2), and the keys of those issuers (RFC 7517), through joserfc.

RS256 and ES256 alone, each only with a key of its own kind, so that a token never chooses how it is checked (RFC 8725 3.1).
"""

from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import urlsafe_b64decode

from stagedoor.kit import strictjson
from stagedoor.kit.errors import StagedoorError, Unauthenticated

LONGEST = 16 * 1024
MOST_KEYS = 100
RSA_BITS = range(2048, 8193)
_HEADER = frozenset({"alg", "typ", "kid", "x5t", "x5t#S256"})
"""What such a header may hold: GitHub's has `x5t`, Kubernetes' no `typ`. `crit`, `jwk`, `jku`, `x5u`, `x5c` are refused."""


class NotAJwt(Unauthenticated):
    """it is not a signed JWT of the kinds that are taken here"""


@dataclass(frozen=True, repr=False)
class Assertion:
    """A token taken apart, nothing verified. `claims` is untrusted until `verify_assertion` has held."""

    algorithm: str
    kid: str
    claims: dict[str, Any]
    parts: jws.CompactSignature

    @property
    def signed(self) -> str:
        """All that the signature covers, as it was sent. The signature itself can be spelled in more ways than one."""
        return b".".join((self.parts.segments["header"], self.parts.segments["payload"])).decode("ascii")

    def __repr__(self) -> str:
        return "Assertion(***)"


@dataclass(frozen=True)
class IssuerKey:
    algorithm: str
    key: RSAKey | ECKey


def parse_assertion(token: str) -> Assertion:
    """NotAJwt says what is wrong, without a word of the token."""
    if len(token) > LONGEST:
        raise NotAJwt(f"it is longer than {LONGEST} characters")
    try:
        parts = jws.extract_compact(token.encode("ascii"))
        header = parts.headers()
        claims = strictjson.decode(parts.payload, max_depth=16, strict=True)
    except (JoseError, KeyError, TypeError, ValueError, StagedoorError):
        raise NotAJwt("it is not a JWT: three parts in base64url, of which the first two are JSON objects") from None
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if algorithm not in ("RS256", "ES256"):
        raise NotAJwt("its header's alg is neither RS256 nor ES256")
    if not isinstance(kid, str) or not 0 < len(kid) <= 255:
        raise NotAJwt("its header names no key (kid)")
    if not isinstance(kind, str) or kind.upper() != "JWT":
        raise NotAJwt("its header's typ is not JWT")
    if set(header) - _HEADER:
        raise NotAJwt("its header holds a field that is not taken: only alg, typ, kid and x5t are")
    if not isinstance(claims, dict):
        raise NotAJwt("its payload is not a JSON object")
    return Assertion(algorithm, kid, claims, parts)


def verify_assertion(assertion: Assertion, key: IssuerKey) -> bool:
    """Whether the issuer's key signed it, by the one algorithm that the key is for."""
    if assertion.algorithm != key.algorithm:
        return False
    try:
        return jws.validate_compact(assertion.parts, key.key, algorithms=[key.algorithm])
    except (JoseError, ValueError, TypeError):
        return False


def issuer_keys(document: object) -> dict[str, IssuerKey]:
    """By `kid`, those of a JWK set that verify signatures by RS256 or ES256. Others, private ones too, are passed over."""
    listed = document.get("keys") if isinstance(document, dict) else None
    found: dict[str, IssuerKey] = {}
    for jwk in (listed if isinstance(listed, list) else [])[:MOST_KEYS]:
        kid = jwk.get("kid") if isinstance(jwk, dict) else None
        if isinstance(kid, str) and kid not in found and (key := _issuer_key(jwk)) is not None:
            found[kid] = key
    return found


def _issuer_key(jwk: dict[str, Any]) -> IssuerKey | None:
    algorithm = {"RSA": "RS256", "EC": "ES256"}.get(str(jwk.get("kty")))
    if algorithm is None or jwk.get("alg", algorithm) != algorithm or jwk.get("use", "sig") != "sig" or "d" in jwk:
        return None
    names = ("kty", "n", "e") if algorithm == "RS256" else ("kty", "crv", "x", "y")
    try:
        public = {name: jwk[name] for name in names}
        if algorithm == "ES256":
            return IssuerKey(algorithm, ECKey.import_key(public)) if jwk["crv"] == "P-256" else None
        fits = int.from_bytes(urlsafe_b64decode(jwk["n"].encode())).bit_length() in RSA_BITS
        return IssuerKey(algorithm, RSAKey.import_key(public)) if fits else None
    except (AttributeError, JoseError, KeyError, TypeError, ValueError):
        return None
