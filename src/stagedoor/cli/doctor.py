"""`stagedoor doctor`."""


def doctor() -> None:
    """Look at file modes, keys, schema, clock, disk and egress settings."""
