"""What the transcript shows in place of secrets and tokens."""

from dataclasses import dataclass, field
from typing import Any

HIDDEN = "***"


@dataclass(frozen=True)
class Masks:
    """Texts that are never printed, each with what stands for it. Shared by everything that writes a transcript."""

    shown: dict[str, str] = field(default_factory=dict, repr=False)

    def hide(self, secret: str) -> None:
        """`***` from now on."""
        self.shown[secret] = HIDDEN

    def shorten(self, secret: str, note: str, length: int = 8) -> None:
        """Its first characters, and a note of whose it is, from now on."""
        self.shown[secret] = f"{secret[:length]}… {note}"

    def apply(self, value: Any) -> Any:
        """The same JSON with every such text replaced, the longest first."""
        if isinstance(value, str):
            for secret in sorted(self.shown, key=len, reverse=True):
                value = value.replace(secret, self.shown[secret])
            return value
        if isinstance(value, dict):
            return {self.apply(key): self.apply(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.apply(item) for item in value]
        return value
