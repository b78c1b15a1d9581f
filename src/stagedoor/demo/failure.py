"""How a demo ends when it does not go as told."""


class Unexpected(Exception):
    """A step did not come out as expected. The message says what was expected and what came, without secrets."""
