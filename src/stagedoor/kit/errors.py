"""The one error tree. Domain words only: how an error is spelled on the wire is `api/problems.py`'s business.

A message may name identifiers (names, ids, hosts, places), never a secret's value.
"""


class StagedoorError(Exception):
    """something went wrong"""

    def __init__(self, message: str = "") -> None:
        self.message = message or (self.__doc__ or "").strip().splitlines()[0]
        super().__init__(self.message)


class BadInput(StagedoorError):
    """the request is not valid"""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class TooLarge(BadInput):
    """the request is larger than this server takes"""


class Unauthenticated(StagedoorError):
    """Invalid token"""

    code = "INVALID_TOKEN"
    whose: tuple[str, str, str] | None = None
    """(project, owner, id) of the credential whose own secret or token was shown all the same."""


class TokenExpired(Unauthenticated):
    """Token expired"""

    code = "EXPIRED_TOKEN"


class Forbidden(StagedoorError):
    """the caller lacks a right; the message names it"""

    def __init__(self, message: str = "", *, audited: bool = False) -> None:
        """`audited`: the refusal has its row in the audit already."""
        super().__init__(message)
        self.audited = audited


class AdminOnly(Forbidden):
    """Forbidden"""


class NotFound(StagedoorError):
    """no such thing; the message holds its identifier"""


class MethodNotAllowed(StagedoorError):
    """this address does not take that method"""


class Conflict(StagedoorError):
    """it exists already, or has changed meanwhile"""


class Changed(Conflict):
    """it has changed since it was read: the version asked for is not there any more (RFC 9110, 13.1.1)"""


class TooManyRequests(StagedoorError):
    """too many failed attempts"""

    def __init__(self, message: str = "", retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(StagedoorError):
    """the server cannot do this right now; nothing was changed"""
