"""`stagedoor demo`."""


def demo() -> None:
    """The seed stories, end to end, on a temporary store."""
