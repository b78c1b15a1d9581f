"""Edits of what is replaced as a whole: they can name the version they are based on (RFC 9110, 13.1.1)."""

from stagedoor.kit.errors import Changed


def check_version(what: str, found: int | None, expected: int | None) -> None:
    """Changed where a version is expected and another one, or nothing (None), is there. `what` names the thing: `group ops`."""
    if expected is not None and found != expected:
        raise Changed(f"{what} has changed since it was read")
