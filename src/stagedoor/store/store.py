"""The store's interface: transactions over named statements, and the three bridges between asyncio and a database.

`core` and `engine` are plain synchronous functions that take a `Transaction`; whoever calls them picks the bridge:
`store.read` for statements marked `point`, `store.write` for changes, `store.scan` for searches, counts and exports.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from stagedoor.store.news import Listener, News, notice
from stagedoor.store.statements import MANY, ONE, ROWS_CHANGED, Statement

Row = dict[str, Any]
Params = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ScanLimits:
    """What one `scan` may take: seconds in all, rows a statement; and how many run or wait at once."""

    seconds: float = 5.0
    rows: int = 10_000
    threads: int = 2
    waiting: int = 64


class Transaction(ABC):
    """What a function given to a bridge works with. It must not outlive that call, nor be shared between threads.

    An error of a statement dooms the transaction, on both databases: a function that catches it and goes on is refused.
    Errors: `Conflict` (a unique or foreign key says no), `BadInput` (a value no column can hold), `Unavailable`.
    """

    def __init__(self, statements: Mapping[str, Statement], news: News | None = None) -> None:
        """`news` is what a durable change is told to; None for a transaction that only reads."""
        self._statements = statements
        self._news = news
        self.writes = news is not None
        """Whether this transaction may change anything."""
        self.callbacks: list[Callable[[], None]] = []
        self.failed = False
        self.notes: dict[str, Any] = {}
        """What one writing transaction has read and would read again; whatever raises an epoch forgets it."""

    def one(self, name: str, /, **params: Any) -> Row | None:
        """The row of a `^` statement, or None. More than one row is a mistake in the statement (AssertionError)."""
        statement = self._statements.get(name)
        if statement is None or statement.kind != ONE:
            raise self._refusal(name, ONE)
        rows = self._rows(statement, params)
        if len(rows) > 1:
            raise AssertionError(f"statement {name} promises one row and gave {len(rows)}")
        return rows[0] if rows else None

    def lasting(self, name: str, /, **params: Any) -> Row | None:
        """As `one`, for a row that is read often and changes seldom: a store whose only writer this is need not read it again before it
        changes. The caller leaves the row as it is."""
        return self.one(name, **params)

    def all(self, name: str, /, **params: Any) -> list[Row]:
        """All rows of a statement without suffix."""
        statement = self._statements.get(name)
        if statement is None or statement.kind != MANY:
            raise self._refusal(name, MANY)
        return self._rows(statement, params)

    def do(self, name: str, /, **params: Any) -> int:
        """Run a `!` statement; the number of rows it changed."""
        statement = self._statements.get(name)
        if statement is None or statement.kind != ROWS_CHANGED:
            raise self._refusal(name, ROWS_CHANGED)
        return self._count(statement, params)

    def do_each(self, name: str, rows: Sequence[Params], /) -> None:
        """Run a `!` statement once for each row of parameters, in their order."""
        statement = self._statements.get(name)
        if statement is None or statement.kind != ROWS_CHANGED:
            raise self._refusal(name, ROWS_CHANGED)
        if rows:
            self._each(statement, rows)

    def after_commit(self, call: Callable[[], None]) -> None:
        """Run `call` on the event loop once this transaction is durable, before the caller of `write` is answered."""
        self._writing()
        self.callbacks.append(call)

    def notify(self, topic: str, payload: str = "") -> None:
        """Tell the listeners of every node, once this transaction is durable. A hint: it may be lost, never early.

        Listeners of this node hear it before the caller of `write` is answered. At most 4,000 bytes together."""
        news, (topic, payload) = self._writing(), notice(topic, payload)
        self.callbacks.append(lambda: news.tell(topic, payload))

    def raise_epoch(self, project_id: str) -> int:
        """Raise the project's epoch and return it. Call it first in a transaction that changes identity, credentials,
        permissions or policy: on PostgreSQL it also makes such changes of one project follow one another."""
        news = self._writing()
        self.notes.clear()
        row = self.one("epoch_raise", project_id=project_id)
        assert row is not None
        number: int = row["number"]
        self.callbacks.append(lambda: news.raised(project_id, number))
        return number

    @abstractmethod
    def _rows(self, statement: Statement, params: Params) -> list[Row]: ...

    @abstractmethod
    def _count(self, statement: Statement, params: Params) -> int: ...

    @abstractmethod
    def _each(self, statement: Statement, rows: Sequence[Params]) -> None: ...

    def _writing(self) -> News:
        if self._news is None:
            raise AssertionError("this transaction only reads")
        return self._news

    def _refusal(self, name: str, kind: str) -> Exception:
        """Programming errors, all of them: a wrong name, a wrong method, or a statement this bridge does not take."""
        known = self._statements.get(name)
        if known is not None:
            return AssertionError(f"statement {name} is of kind {known.kind}, not {kind}")
        return LookupError(f"no statement {name} here: unknown, or not for this bridge (read takes point queries only, scan queries)")


def run(fn: Callable[[Transaction], T], tx: Transaction) -> T:
    """`fn(tx)`, refusing a function that went on after a statement's error: its transaction cannot be committed."""
    result = fn(tx)
    if tx.failed:
        raise AssertionError("the function went on after an error of a statement; the transaction is undone")
    return result


class Store(Protocol):
    """One database. Every method belongs to the event loop on which `open` was awaited."""

    async def open(self) -> None:
        """Connect, bring the schema up to date, start the threads. Unavailable if the schema is newer than this code."""
        ...

    async def close(self) -> None:
        """Finish waiting writes, then stop. Safe to call twice."""
        ...

    async def read(self, fn: Callable[[Transaction], T]) -> T:
        """Run `fn` over statements marked `point`; on SQLite at once on the loop. Each statement sees the latest commit."""
        ...

    async def write(self, fn: Callable[[Transaction], T]) -> T:
        """Run `fn` in its own transaction and return its result once that is durable. An exception undoes it and is raised.

        `fn` must be safe to run again: on PostgreSQL a deadlock, a serialization failure or a connection lost before
        COMMIT repeats it, up to three times. A cancelled caller does not stop a write that has begun."""
        ...

    async def scan(self, fn: Callable[[Transaction], T]) -> T:
        """Run `fn` read-only on one snapshot, off the loop. Unavailable past the time limit, BadInput past the row cap."""
        ...

    async def scrub(self, table: str, needles: Sequence[bytes]) -> bool:
        """See to it that what was deleted from `table` is not in the database's files any more. False where one of `needles` still is;
        on PostgreSQL its files are not looked at, and its log keeps what it had. Minutes, for a large SQLite file."""
        ...

    def epoch(self, project_id: str) -> int:
        """The project's epoch as last known here; 0 before the first raise. Unavailable when not read for 800 ms."""
        ...

    def epochs(self, *names: str) -> tuple[int, ...]:
        """`epoch` of each."""
        ...

    async def fresh_epoch(self, project_id: str) -> int:
        """`epoch` where it is valid, else asked from the database. Unavailable if that fails."""
        ...

    def listen(self, callback: Listener) -> Callable[[], None]:
        """Call `callback(topic, payload)` on the loop for every `tx.notify` of any node. Returns what ends it."""
        ...
