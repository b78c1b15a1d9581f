"""Refusals of `/oauth` (RFC 6749 5.2)."""

from stagedoor.kit.errors import BadInput


class OAuthRefused(BadInput):
    """the request cannot be granted"""

    def __init__(self, error: str, message: str) -> None:
        """`error`: a code of RFC 6749 5.2, RFC 8693 2.2.2 or RFC 7523 3.1."""
        super().__init__(message)
        self.error = error
