"""Calls that are made once, however many ask for them at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


class Shared(Generic[K, T]):
    """While a call under a key is under way, others under it wait for the same answer. A caller that is cancelled stops no other."""

    def __init__(self) -> None:
        self._going: dict[K, asyncio.Task[T]] = {}

    async def __call__(self, key: K, make: Callable[[], Awaitable[T]]) -> T:
        task = self._going.get(key)
        if task is None:
            task = asyncio.ensure_future(_awaited(make))
            self._going[key] = task
            task.add_done_callback(lambda done: self._done(key, done))
        return await asyncio.shield(task)

    def _done(self, key: K, task: asyncio.Task[T]) -> None:
        if self._going.get(key) is task:
            del self._going[key]
        if not task.cancelled():
            task.exception()  # looked at, so that nobody is warned of one whose every caller has left

    async def close(self) -> None:
        tasks = list(self._going.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _awaited(make: Callable[[], Awaitable[T]]) -> T:
    return await make()
