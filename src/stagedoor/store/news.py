"""What a transaction tells the world once it is durable: notices (`tx.notify`) and raised epochs."""

from collections.abc import Callable

from stagedoor.store.epoch import EpochBook

Listener = Callable[[str, str], None]
LONGEST = 4_000
"""Bytes of a topic and its payload together: PostgreSQL takes 8,000 in a NOTIFY, and JSON may spend some on escapes."""


class News:
    """The listeners and the epochs of one node. Used on the event loop alone, save `notice`, which is pure."""

    def __init__(self, book: EpochBook, send: Callable[[str, str, int], None] | None = None) -> None:
        """`send(topic, payload, number)` carries a notice (number 0) or an epoch (topic "", the project) to other nodes."""
        self.book = book
        self._send = send
        self._listeners: list[Listener] = []

    def listen(self, callback: Listener) -> Callable[[], None]:
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback) if callback in self._listeners else None

    def hear(self, topic: str, payload: str) -> None:
        """Tell the listeners of this node."""
        for listener in tuple(self._listeners):
            listener(topic, payload)

    def tell(self, topic: str, payload: str) -> None:
        """Tell the listeners of every node."""
        if self._send is not None:
            self._send(topic, payload, 0)
        self.hear(topic, payload)

    def raised(self, project_id: str, number: int) -> None:
        """This node has raised an epoch."""
        self.book.saw(project_id, number)
        if self._send is not None:
            self._send("", project_id, number)


def notice(topic: str, payload: str) -> tuple[str, str]:
    """The same two, or ValueError: without a topic, or too long to travel."""
    if not topic or len(topic.encode()) + len(payload.encode()) > LONGEST:
        raise ValueError(f"a notice has a topic and at most {LONGEST} bytes, not so {topic[:40]!r}")
    return topic, payload
