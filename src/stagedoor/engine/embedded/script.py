"""Scripts (INLINE, SWITCH, DO_WHILE) and jq filters, evaluated in a small pool of confined child processes.

Nothing that a script does harms more than its own evaluation: a child has an empty environment, hard limits on memory and time, and can
open nothing. Every script is first given a short time; one that needs longer is put among the slow ones and begins again, with the whole
time (scripts change nothing, so a repetition shows nowhere). So a good script does not wait behind many that loop.
"""

import asyncio
import contextlib
import importlib.util
import json
import os
import select
import signal
import socket
import struct
import sys
from asyncio.subprocess import DEVNULL, Process
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from stagedoor.engine.definition import Json
from stagedoor.engine.embedded.script_queue import Job, Waiting
from stagedoor.kit import strictjson
from stagedoor.kit.errors import StagedoorError, Unavailable

Language = Literal["javascript", "jq"]
LANGUAGES = {"javascript": b"j", "jq": b"q"}
CHILD = Path(__file__).with_name("script_child.py")
REQUEST = struct.Struct("!cdII")  # as in script_child.py, which imports nothing of this project
ANSWER = struct.Struct("!cI")
VALUE, ERROR, TOO_LONG, READY = b"v", b"e", b"t", b"r"
STARTING_SECONDS = 20.0
CLEARING_SECONDS = 2.0
STREAM_BYTES = 1 << 20


class ScriptError(StagedoorError):
    """the script failed"""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one evaluation may take. Bytes, seconds of wall clock from the moment it runs, and the number that may wait."""

    seconds: float = 4.0
    quick_seconds: float = 0.15
    memory: int = 64 << 20
    """Of JavaScript's heap."""
    process: int = 192 << 20
    """Of address space, beyond what a child holds when it starts; this is what limits jq."""
    input: int = 16 << 20
    result: int = 5 << 20
    depth: int = 100
    """Less than `strictjson` reads, for the result becomes part of a larger document."""
    waiting: int = 2000


class _Child:
    """One child process and what is said to it, over one socket that is its input and output."""

    def __init__(self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.process, self._from, self._to = process, reader, writer
        self._line = select.poll()
        self._line.register(writer.get_extra_info("socket").fileno(), select.POLLRDHUP)

    @classmethod
    async def start(cls, command: tuple[str, ...]) -> Self:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=DEVNULL, env={}, cwd="/"
            )
        return cls(process, *await asyncio.open_connection(sock=ours, limit=STREAM_BYTES))

    def alive(self) -> bool:
        """Asked of the socket itself: the event loop may not have heard yet that the other end is gone."""
        return self.process.returncode is None and not self._from.at_eof() and not self._line.poll(0)

    async def ask(self, job: Job, seconds: float) -> tuple[bytes, bytes]:
        self._to.write(REQUEST.pack(job.language, seconds, len(job.source), len(job.input)) + job.source + job.input)
        await self._to.drain()
        return await self.answer()

    async def answer(self) -> tuple[bytes, bytes]:
        status, size = ANSWER.unpack(await self._from.readexactly(ANSWER.size))
        return status, await self._from.readexactly(size)

    async def ready(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return (await self.answer())[0] == READY
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
            return False

    async def end(self) -> int:
        """Kill it if it still lives, and collect it. Its exit status, negative for a signal."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)  # process.kill() polls first, and so takes the status away from asyncio
        self._to.close()
        with contextlib.suppress(OSError):
            await self._to.wait_closed()
        return await self.process.wait()


class ScriptPool:
    """`async with ScriptPool() as pool: await pool.evaluate("javascript", "$.x + 1", {"x": 1})`.

    `size` children, each at nice +10; from two on, half of them never take a script that was slow before.
    """

    def __init__(self, size: int = 2, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._size = size
        self._waiting: Waiting
        self._keepers: list[asyncio.Task[None]] = []
        self._children: dict[int, _Child] = {}

    async def start(self) -> None:
        """Start the children. RuntimeError when they cannot be started."""
        self._waiting = Waiting()
        first = await self._spawn()
        if first is None:
            raise RuntimeError("the script process does not start: are the packages quickjs-ng and jq installed?")
        for number in range(self._size):
            slow_too = number >= self._size // 2
            self._keepers.append(asyncio.create_task(self._keep(first if number == 0 else None, slow_too), name=f"script child {number}"))

    async def stop(self) -> None:
        """Kill the children. Whatever waits or runs gets Unavailable."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._keepers.clear()
        for child in list(self._children.values()):  # of keepers that had not even begun
            await self._discard(child)
        for queue in (self._waiting.good, self._waiting.unknown, self._waiting.slow):
            while job := queue.take():
                job.fail(Unavailable("the server is stopping"))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    @property
    def pids(self) -> list[int]:
        """The process ids of the children that stand ready or work."""
        return list(self._children)

    async def evaluate(self, language: Language, source: str, input: Json, *, tenant: str = "") -> Json:
        """The value of a script. `tenant` (a project, say): each waits in a line of its own, and the lines take turns.

        javascript: the JSON value of the last expression, `$` being the input; undefined and functions give null.
        jq: the list of all results. Raises ScriptError with the script's own message or the limit it hit, Unavailable when too many wait.
        """
        if len(self._waiting) >= self.limits.waiting:
            raise Unavailable("too many scripts are waiting")
        job = Job(LANGUAGES[language], _source(source), self._encoded(input), tenant, asyncio.get_running_loop().create_future())
        self._waiting.put(job)
        return await job.done

    def _encoded(self, input: Json) -> bytes:
        try:
            encoded = strictjson.encode(input)
        except RecursionError:
            raise ScriptError("the script's input is nested too deeply") from None
        if len(encoded) > self.limits.input:
            raise ScriptError(f"the script's input is larger than {self.limits.input} bytes")
        return encoded

    async def _keep(self, child: _Child | None, slow_too: bool) -> None:
        """Keep one child alive and busy until cancelled."""
        try:
            while True:
                if child is None or not child.alive():
                    await self._discard(child)
                    child = await self._spawn()
                    if child is None:
                        await asyncio.sleep(0.5)  # the machine is out of memory or processes; waiting jobs wait on
                        continue
                job, slow = await self._waiting.take(slow_too)
                if not child.alive():  # it was killed while it stood idle, which is not this job's fault
                    self._waiting.put(job)
                elif not await self._run(child, job, self.limits.seconds if slow else self.limits.quick_seconds):
                    await self._discard(child)
                    child = None
        finally:
            await self._discard(child)

    async def _discard(self, child: _Child | None) -> None:
        if child is not None:
            self._children.pop(child.process.pid, None)
            await child.end()

    async def _spawn(self) -> _Child | None:
        settings = json.dumps({name: value for name, value in asdict(self.limits).items() if isinstance(value, int)})
        command = (sys.executable, "-I", "-S", str(CHILD), settings, *_package_directories())
        starting = asyncio.ensure_future(_Child.start(command))
        try:
            child = await asyncio.shield(starting)
            self._children[child.process.pid] = child
            if await child.ready(STARTING_SECONDS):
                return child
        except OSError:
            return None
        except asyncio.CancelledError:
            await self._discard(await starting)
            raise
        await self._discard(child)
        return None

    async def _run(self, child: _Child, job: Job, seconds: float) -> bool:
        """Have one job done. False: the child is not to be used again."""
        try:
            async with asyncio.timeout(seconds):
                status, body = await child.ask(job, seconds)
        except TimeoutError:
            self._late(job, seconds)
            return False
        except (asyncio.IncompleteReadError, ConnectionError):
            self._crashed(job, await child.end(), seconds)
            return False
        except asyncio.CancelledError:
            job.fail(Unavailable("the server is stopping"))
            raise
        self._finish(job, status, body, seconds)
        return await child.ready(CLEARING_SECONDS)

    def _finish(self, job: Job, status: bytes, body: bytes, seconds: float) -> None:
        if job.done.done():
            return
        if status == VALUE:
            self._waiting.was_good(job)
            self._succeed(job, body)
        elif status == TOO_LONG:
            self._late(job, seconds)
        else:
            job.fail(ScriptError(body.decode()))

    def _succeed(self, job: Job, body: bytes) -> None:
        try:
            job.done.set_result(strictjson.decode(body))
        except (ValueError, RecursionError, StagedoorError):  # numbers beyond what JSON readers take
            job.fail(ScriptError("the script's result is not valid JSON"))

    def _late(self, job: Job, seconds: float) -> None:
        if seconds < self.limits.seconds:
            self._waiting.was_slow(job)
        else:
            job.fail(ScriptError(f"the script took longer than {seconds:g} s"))

    def _crashed(self, job: Job, code: int, seconds: float) -> None:
        if -code in (signal.SIGALRM, signal.SIGXCPU):
            self._late(job, seconds)
        elif -code == signal.SIGABRT:
            job.fail(ScriptError(f"the script used more than {self.limits.process >> 20} MB of memory"))
        elif -code in (signal.SIGSEGV, signal.SIGBUS):
            job.fail(ScriptError("the script recursed or nested its data too deeply"))
        else:
            job.fail(ScriptError("the script's process ended before it answered"))


def _source(source: str) -> bytes:
    """The source as a JSON string in ASCII, in which lone surrogates survive."""
    return json.dumps(source).encode()


def _package_directories() -> list[str]:
    """Where quickjs-ng and jq are installed, found without loading them into this process."""
    found = (importlib.util.find_spec(name) for name in ("_quickjs", "jq"))
    return sorted({str(Path(spec.origin).parent) for spec in found if spec and spec.origin})
