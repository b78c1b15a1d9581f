"""The processes of the demo: `stagedoor init` and `stagedoor serve`, and the worker with the official SDK."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from stagedoor.demo.failure import Unexpected
from stagedoor.demo.journal import Journal
from stagedoor.kit.clock import Clock

ADMIN = "admin@example.com"
SDK_PYTHON = "STAGEDOOR_SDK_PYTHON"
START_SECONDS = 30.0
STOP_SECONDS = 15.0
WORKER = Path(__file__).with_name("worker.py")


@dataclass(frozen=True)
class Sdk:
    """The official conductor-python SDK: the interpreter that has it, and its version."""

    interpreter: str
    version: str


async def find_sdk(environ: Mapping[str, str]) -> Sdk:
    """In the interpreter that STAGEDOOR_SDK_PYTHON names, else in this one; Unexpected, with the way out, where it is not."""
    interpreter = environ.get(SDK_PYTHON) or sys.executable
    ask = "import importlib.metadata as m; print(m.version('conductor-python'))"
    try:
        process = await asyncio.create_subprocess_exec(
            interpreter, "-c", ask, env=inherited(environ, "PYTHON"), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError:
        raise Unexpected(f"{SDK_PYTHON}: there is no interpreter {interpreter}") from None
    out, _ = await process.communicate()
    if process.returncode != 0:
        way_out = f"pip install 'stagedoor[demo]', or name an interpreter that has it in {SDK_PYTHON}"
        raise Unexpected(f"{interpreter} has no conductor-python, which plays the worker: {way_out}")
    return Sdk(interpreter, out.decode().strip())


def inherited(environ: Mapping[str, str], *prefixes: str) -> dict[str, str]:
    """The environment without variables of these prefixes: nothing of the caller's settings reaches the demo's processes."""
    return {name: value for name, value in environ.items() if not name.startswith(prefixes)}


async def initialise(data: Path) -> dict[str, str]:
    """`stagedoor init --json`: `{"user", "password", "applicationId", "keyId", "keySecret"}`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "stagedoor", "init", "--data", str(data), "--admin", ADMIN, "--json",
        env=inherited(os.environ, "STAGEDOOR_"), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        out, error = await process.communicate()
    finally:
        await _stop(process)
    if process.returncode != 0:
        raise Unexpected(f"stagedoor init: exit {process.returncode}: {error.decode()[-500:]}")
    made: dict[str, str] = json.loads(out)
    return made


@asynccontextmanager
async def serving(data: Path, log: Path, journal: Journal, settings: Mapping[str, str]) -> AsyncIterator[str]:
    """`stagedoor serve` until the end of the block; gives its address. All it says goes to `log`."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "stagedoor", "serve", "--data", str(data), "--listen", f"127.0.0.1:{port}"]
    async with running(command, {**inherited(os.environ, "STAGEDOOR_"), **settings}, log) as process:
        with journal.show.waiting("stagedoor serve"):
            await healthy(process, url, journal.clock, log)
        yield url


@asynccontextmanager
async def working(interpreter: str, environment: Mapping[str, str], log: Path) -> AsyncIterator[None]:
    """The SDK's worker until the end of the block. `-P`: the folder it lies in is no place to import from."""
    clean = inherited(os.environ, "STAGEDOOR_", "CONDUCTOR_", "PYTHON")
    async with running([interpreter, "-P", str(WORKER)], {**clean, **environment}, log):
        yield


@asynccontextmanager
async def running(command: list[str], environment: Mapping[str, str], log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process in a group of its own; the whole group is gone at the end."""
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield process
    finally:
        await _stop(process)


async def _stop(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


async def healthy(process: asyncio.subprocess.Process, url: str, clock: Clock, log: Path) -> None:
    """Wait until the server answers; Unexpected, with the end of its log, where it does not."""
    deadline = clock.monotonic() + START_SECONDS
    async with aiohttp.ClientSession() as http:
        while clock.monotonic() < deadline and process.returncode is None:
            with suppress(aiohttp.ClientError):
                async with http.get(f"{url}/health") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.05)
    raise Unexpected(f"stagedoor serve did not start: {_end_of(log)}")


def _end_of(log: Path) -> str:
    return log.read_text("utf-8", "replace")[-500:].strip()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
