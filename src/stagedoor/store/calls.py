"""Calls that leave the event loop and come back: what a bridge hands to a thread, and how the answer returns."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from stagedoor.kit.errors import Unavailable

T = TypeVar("T")
Callback = Callable[[], None]
log = logging.getLogger(__name__)


class Call:
    """Work for a thread and the future of whoever waits for it. `then` runs on the loop before the future resolves."""

    __slots__ = ("error", "future", "result", "then", "work")

    def __init__(self, work: Callable[..., Any], future: asyncio.Future[Any]) -> None:
        self.work = work
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None
        self.then: list[Callback] = []

    def fail(self, error: BaseException) -> None:
        """The outcome is `error`; whatever was to follow a success is forgotten."""
        self.result, self.error, self.then = None, error, []

    def answer(self) -> None:
        for callback in self.then:
            try:
                callback()
            except Exception:  # the change is durable all the same, so its caller must hear of success
                log.exception("a callback after a commit failed")
        if self.future.done():  # cancelled meanwhile, or given up as too late
            return
        if self.error is None:
            self.future.set_result(self.result)
        elif isinstance(self.error, StopIteration):  # a future cannot carry it
            self.future.set_exception(RuntimeError("a function given to the store raised StopIteration"))
        else:
            self.future.set_exception(self.error)


def release(calls: Iterable[Call]) -> None:
    """Answer all of them; on the loop."""
    for call in calls:
        call.answer()


class Crew:
    """A few threads that run calls for one event loop. A queue that is full, or an answer that is too late: Unavailable."""

    def __init__(self, name: str, *, size: int, waiting: int, patience: float) -> None:
        """At most `waiting` calls are under way or queued; each is answered within `patience` seconds."""
        self._threads = ThreadPoolExecutor(size, thread_name_prefix=name)
        self._loop = asyncio.get_running_loop()
        self._waiting = waiting
        self._patience = patience
        self._under_way = 0

    async def run(self, work: Callable[[list[Callback]], T]) -> T:
        """Run `work(then)` in a thread; callbacks it puts into `then` run on the loop, also when the caller has left."""
        if self._under_way >= self._waiting:
            raise Unavailable("too many calls are waiting for the database")
        call = Call(work, self._loop.create_future())
        late = self._loop.call_later(self._patience, self._give_up, call)
        self._under_way += 1
        try:
            self._threads.submit(self._serve, call)
        except RuntimeError:
            late.cancel()
            self._under_way -= 1
            raise Unavailable("the store is closed") from None
        try:
            result: T = await call.future
            return result
        finally:
            late.cancel()

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.shutdown, wait=True)

    def _serve(self, call: Call) -> None:
        if not call.future.done():
            try:
                call.result = call.work(call.then)
            except BaseException as error:
                call.fail(error)
        self._loop.call_soon_threadsafe(self._back, call)

    def _back(self, call: Call) -> None:
        self._under_way -= 1
        call.answer()

    def _give_up(self, call: Call) -> None:
        if not call.future.done():
            call.future.set_exception(Unavailable("the database does not answer; a change under way may still be made"))
