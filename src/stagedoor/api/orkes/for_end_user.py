"""`Conductor-End-User-Id`: whose connection fields a run uses (contract/project-keys.md 1.1)."""

import re

from stagedoor.api.http import Request
from stagedoor.kit.errors import BadInput

HEADER = "Conductor-End-User-Id"
_ID = re.compile(r"end_usr_[0-9A-Za-z]{1,64}")


def end_user_of(request: Request) -> str:
    """The end user that a start names, "" without the header. BadInput where it names none that could be: it is never passed over."""
    named = request.header_all(HEADER.lower())
    if not named:
        return ""
    if len(named) > 1 or not _ID.fullmatch(named[0]):
        raise BadInput(f"{HEADER}: it names one end user, end_usr_...", HEADER)
    return named[0]
