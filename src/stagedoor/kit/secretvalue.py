"""A value that must not be seen: it prints as `***` and cannot be formatted, pickled or copied into a log by accident."""

from typing import NoReturn


class SecretValue:
    """Wraps the UTF-8 text of a secret. Only `reveal()` gives it out; grep for that word to see every place."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret value cannot be pickled")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretValue) and self._text == other._text

    __hash__ = None  # type: ignore[assignment]  # a secret is no key of anything
