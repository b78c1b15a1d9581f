"""Redaction of a text that comes in chunks: a value broken over any number of them is masked as if it had come at once."""

from stagedoor.gate.redaction import MASK, Redactor


class RedactedStream:
    """`feed` a chunk and get text that is safe to pass on; it lags behind by `reach` bytes (how long a value can be, spelled out).

    Each byte is read a bounded number of times, however small the chunks are.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._reach = max(1, redactor.reach)
        self._seen = b""
        """Passed on already, and kept so that what follows is read as it would be in the whole text."""
        self._waiting = bytearray()

    def __repr__(self) -> str:
        return MASK

    def feed(self, chunk: str) -> str:
        """What may be passed on now, often nothing."""
        self._waiting += chunk.encode("utf-8", "surrogatepass")
        if len(self._waiting) < 3 * self._reach:
            return ""
        cut = len(self._waiting) - self._reach
        while cut and self._waiting[cut] & 0xC0 == 0x80:  # in the middle of a character
            cut -= 1
        return self._pass(cut)

    def finish(self) -> str:
        """The rest."""
        return self._pass(len(self._waiting))

    def _pass(self, cut: int) -> str:
        """The first `cut` bytes of what waits, masked. A value that begins before `cut` lies whole in what is read here."""
        data, shown = self._seen + self._waiting, len(self._seen)
        parts, at = bytearray(), shown
        for start, end in self._redactor.places(data):
            if shown <= start < shown + cut:
                parts += data[at:start] + MASK.encode()
            at = max(at, end)
        parts += data[at : shown + cut]
        self._seen, self._waiting = data[: shown + cut][-self._reach :], self._waiting[cut:]
        return parts.decode("utf-8", "replace")
