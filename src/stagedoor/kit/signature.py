"""Signatures of others over bytes: ECDSA on P-256 with SHA-256, in DER and base64 (FIPS 186-5; RFC 3279, 2.2.3)."""

import binascii
from base64 import b64decode

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

LONGEST = 200
"""Characters of a signature: 72 bytes at most, in base64."""


class VerifyingKey:
    """A public key on P-256."""

    __slots__ = ("_key",)

    def __init__(self, key: EllipticCurvePublicKey) -> None:
        self._key = key

    @classmethod
    def load(cls, pem: str) -> "VerifyingKey | None":
        """None where it is something else than a public key on P-256 in PEM."""
        try:
            key = load_pem_public_key(pem.encode())
        except (ValueError, UnsupportedAlgorithm):
            return None
        return cls(key) if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1) else None

    def signed(self, data: bytes, signature: str) -> bool:
        """Whether this key's owner signed exactly these bytes."""
        if len(signature) > LONGEST:
            return False
        try:
            self._key.verify(b64decode(signature, validate=True), data, ECDSA(SHA256()))
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True
