"""Who waits for a script's process, and who is next: tenants in turn, and scripts known to be slow apart from the others."""

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from stagedoor.engine.definition import Json

REMEMBERED = 4096


@dataclass(eq=False, slots=True)
class Job:
    language: bytes
    source: bytes
    input: bytes
    tenant: str
    done: asyncio.Future[Json]
    key: int = field(init=False)
    """Stands for the source in what is remembered about it."""

    def __post_init__(self) -> None:
        self.key = hash((self.language, self.source))

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class Queue:
    """Waiting jobs, one of each tenant in turn."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, deque[Job]] = OrderedDict()
        self.length = 0

    def put(self, job: Job) -> None:
        self._lines.setdefault(job.tenant, deque()).append(job)
        self.length += 1

    def take(self) -> Job | None:
        while self._lines:
            tenant, line = self._lines.popitem(last=False)
            job = line.popleft()
            self.length -= 1
            if line:
                self._lines[tenant] = line
            if not job.done.done():
                return job
        return None


class Memory:
    """The keys added last. A wrong guess from it costs time only."""

    def __init__(self, size: int) -> None:
        self._keys: OrderedDict[int, None] = OrderedDict()
        self._size = size

    def __contains__(self, key: int) -> bool:
        return key in self._keys

    def add(self, key: int) -> None:
        self._keys[key] = None
        self._keys.move_to_end(key)
        if len(self._keys) > self._size:
            self._keys.popitem(last=False)

    def forget(self, key: int) -> None:
        self._keys.pop(key, None)


@dataclass(eq=False, slots=True)
class Waiting:
    """Three queues: of scripts proven good and of unknown ones, which take turns, and of scripts known to be slow."""

    good: Queue = field(default_factory=Queue)
    unknown: Queue = field(default_factory=Queue)
    slow: Queue = field(default_factory=Queue)
    slow_ones: Memory = field(default_factory=lambda: Memory(REMEMBERED))
    good_ones: Memory = field(default_factory=lambda: Memory(REMEMBERED))
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    turn_of_good: bool = True

    def __len__(self) -> int:
        return self.good.length + self.unknown.length + self.slow.length

    def put(self, job: Job) -> None:
        if job.key in self.slow_ones:
            self.slow.put(job)
        else:
            (self.good if job.key in self.good_ones else self.unknown).put(job)
        self.arrived.set()

    def was_slow(self, job: Job) -> None:
        self.slow_ones.add(job.key)
        self.good_ones.forget(job.key)
        self.put(job)

    def was_good(self, job: Job) -> None:
        self.good_ones.add(job.key)
        self.slow_ones.forget(job.key)

    async def take(self, slow_first: bool) -> tuple[Job, bool]:
        """The next job and whether it is a slow one. A child for quick ones takes slow ones only when it is the only child."""
        while True:
            if slow_first and (job := self.slow.take()):
                return job, True
            first, second = (self.good, self.unknown) if self.turn_of_good else (self.unknown, self.good)
            self.turn_of_good = not self.turn_of_good
            job = first.take() or second.take()
            if job is None:
                self.arrived.clear()
                await self.arrived.wait()
            elif job.key in self.slow_ones:  # found out while this one waited
                self.put(job)
            else:
                return job, False
