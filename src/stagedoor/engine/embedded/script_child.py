"""The child process in which scripts and filters run. Started by `script.ScriptPool` as a plain file, with an empty environment.

It imports nothing of this project. One request at a time on descriptor 0, as `REQUEST` and two bodies: the source as a JSON string, the
input as JSON text. For each it writes an answer, and once it has cleaned up and stands ready again a `READY`; both are `ANSWER` and a body.
It ends by itself when its parent is gone, when it has grown, and after every evaluation that ran into a limit.
"""

import ctypes
import functools
import importlib
import json
import os
import re
import resource
import signal
import struct
import sys
from array import array
from itertools import accumulate
from typing import Any

sys.path.extend(sys.argv[2:])  # where the two packages below are installed; `-I -S` leaves everything else out
_quickjs = importlib.import_module("_quickjs")  # not `quickjs`, whose import starts a thread
jq = importlib.import_module("jq")

REQUEST = struct.Struct("!cdII")  # language, seconds it may take, bytes of the source, bytes of the input
ANSWER = struct.Struct("!cI")  # one of the following, bytes of the body
VALUE, ERROR, TOO_LONG, READY = b"v", b"e", b"t", b"r"
JAVASCRIPT, JQ = b"j", b"q"

RECURSED = "the script recursed or nested its data too deeply"

# `$` is the input, as in Conductor. A Java list answers to get(), size(), contains() and isEmpty(), and published definitions use them.
# JSON.stringify and eval are taken before the script can replace them. eval called indirectly runs the script as global code.
RUNNER = """
((parse, stringify, evaluate) => (source, input) => {
    globalThis.$ = parse(input)
    return stringify(evaluate(parse(source)))
})(JSON.parse, JSON.stringify, (0, eval))
"""
PRELUDE = """
globalThis.console = {log() {}, info() {}, warn() {}, error() {}, debug() {}}
for (const method of [
    function get(index) { return this[index] }, function size() { return this.length },
    function contains(value) { return this.includes(value) }, function isEmpty() { return this.length === 0 },
]) Object.defineProperty(Array.prototype, method.name, {value: method, writable: true, configurable: true})
"""

LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # as signed bytes: +1 and -1
NOT_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))


class LimitReached(Exception):
    """A limit was hit; the message names it. The process ends after answering."""


class Limits:
    def __init__(self, settings: dict[str, int]) -> None:
        self.memory = settings["memory"]
        self.process = settings["process"]
        self.result = settings["result"]
        self.depth = settings["depth"]

    def result_too_large(self) -> LimitReached:
        return LimitReached(f"the script's result is larger than {self.result} bytes")

    def out_of_memory(self) -> LimitReached:
        return LimitReached(f"the script used more than {self.memory >> 20} MB of memory")

    def named(self, failure: Exception) -> str:
        if isinstance(failure, RecursionError):
            return RECURSED
        return str(self.out_of_memory() if isinstance(failure, MemoryError) else failure)


class Evaluator:
    """Evaluates one script after another; nothing of one is left for the next."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.runner: Any = None
        self.prepare()

    def prepare(self) -> None:
        """Have a fresh JavaScript context waiting, so that making it delays nobody."""
        if self.runner:
            return
        self.context = _quickjs.Context()
        self.context.set_memory_limit(self.limits.memory)
        self.context.set_max_stack_size(min(_stack_bytes() // 2, 4 << 20))
        self.context.eval(PRELUDE)
        self.runner = self.context.eval(RUNNER)

    def javascript(self, source: str, given: str, seconds: float) -> bytes:
        self.context.set_time_limit(seconds * 0.85)  # of processor time: mostly before the parent's deadline, which costs this process
        runner, self.runner = self.runner, None
        try:
            result = runner(source, given)
        except _quickjs.StackOverflow:
            raise LimitReached(RECURSED) from None
        except _quickjs.JSException as failure:
            raise self._explained(str(failure)) from None
        return b"null" if result is None else self._checked(result.encode())

    def _explained(self, failure: str) -> Exception:
        message = failure.split("\n    at ")[0].strip().removesuffix("\nundefined")
        if message.startswith("(Failed obtaining"):
            return ValueError("the script threw something that cannot be shown")
        if message == "InternalError: out of memory":
            return self.limits.out_of_memory()
        return TimeoutError() if message == "InternalError: interrupted" else ValueError(message)

    def jq(self, source: str, given: str, seconds: float) -> bytes:
        program = _compiled(json.loads(source))
        given, back = _without_surrogates(given)
        results: list[bytes] = []
        size = 0
        for text in program.input_text(given):
            results.append(_with_surrogates(text, back) if back else text.encode())
            size += len(results[-1]) + 1
            if size > self.limits.result:
                raise self.limits.result_too_large()
        return self._checked(b"[" + b",".join(results) + b"]")

    def _checked(self, result: bytes) -> bytes:
        if len(result) > self.limits.result:
            raise self.limits.result_too_large()
        if _deeper_than(result, self.limits.depth):
            raise LimitReached(f"the script's result is nested more than {self.limits.depth} deep")
        return result


@functools.lru_cache(maxsize=128)
def _compiled(source: str) -> Any:
    """A compiled jq program whose results are JSON text. Between parentheses it can neither import nor include anything."""
    try:
        jq.compile(source)  # alone first: `1) | (2` must stay a mistake
        return jq.compile(f"({source}\n)|tojson")
    except ValueError as failure:
        raise ValueError(f"jq: {str(failure).removeprefix('jq: ').strip()}") from None


def _without_surrogates(text: str) -> tuple[str, int]:
    """jq knows no lone surrogates (any Java or JavaScript string may hold them): they go in as private characters that the text lacks.

    The first of those 2048 comes second, 0 where none was needed.
    """
    if not LONE_SURROGATE.search(text.encode()):
        return text, 0
    text = json.dumps(json.loads(text), ensure_ascii=False)
    used = {ord(character) >> 11 for character in set(text)}
    if 0xD800 >> 11 not in used:
        return text, 0
    base = next((block << 11 for block in range(0x1E0, 0x220) if block not in used), 0)
    if not base:
        raise ValueError("the input holds too many kinds of private characters beside lone surrogates")
    return text.translate({0xD800 + offset: base + offset for offset in range(0x800)}), base


def _with_surrogates(text: str, base: int) -> bytes:
    """JSON text from jq with the private characters turned back; pure ASCII, for lone surrogates have no UTF-8."""
    value = json.loads(text.translate({base + offset: 0xD800 + offset for offset in range(0x800)}))
    return json.dumps(value).encode()


def _deeper_than(text: bytes, limit: int) -> bool:
    if text.count(b"[") + text.count(b"{") <= limit:
        return False
    return max(accumulate(array("b", STRING.sub(b"", text).translate(STEPS, NOT_BRACKETS)))) > limit


def _stack_bytes() -> int:
    size = resource.getrlimit(resource.RLIMIT_STACK)[0]
    return size if size != resource.RLIM_INFINITY else 8 << 20


def _confine(limits: Limits) -> None:
    """Take from this process what scripts never need. Memory counts on top of what it holds already."""
    os.nice(10)
    os.environ.clear()  # Python itself sets LC_CTYPE
    for kind in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE, resource.RLIMIT_NPROC):
        resource.setrlimit(kind, (0, 0))
    with open("/proc/self/statm", "rb") as statm:
        held = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + limits.process, held + limits.process))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))  # 0, 1 and 2 are taken: nothing can be opened, no socket made


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG; end of input and the alarm below do it too, but later


def _arm(seconds: float) -> None:
    """Should the parent be gone or stuck, the kernel ends this process a little after the deadline."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + seconds) + 2, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    signal.setitimer(signal.ITIMER_REAL, seconds + 1)


def _read(size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = os.read(0, min(size, 1 << 20))
        if not part:
            os._exit(0)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _answer(status: bytes, body: bytes = b"") -> None:
    rest = memoryview(ANSWER.pack(status, len(body)) + body)
    while rest:
        rest = rest[os.write(1, rest) :]


def _respond(evaluator: Evaluator) -> bool:
    """Read, evaluate and answer one request. False: a limit was hit, this process has done its service."""
    language, seconds, source_size, input_size = REQUEST.unpack(_read(REQUEST.size))
    evaluate = evaluator.javascript if language == JAVASCRIPT else evaluator.jq
    source, given = _read(source_size), _read(input_size)
    _arm(seconds)
    try:
        _answer(VALUE, evaluate(source.decode(), given.decode(), seconds))
    except (LimitReached, RecursionError, MemoryError) as failure:
        _answer(ERROR, evaluator.limits.named(failure).encode())
        return False
    except TimeoutError:
        _answer(TOO_LONG)
    except ValueError as failure:
        _answer(ERROR, str(failure)[:1000].encode(errors="replace"))
    return True


def main() -> None:
    _die_with_parent()
    limits = Limits(json.loads(sys.argv[1]))
    evaluator = Evaluator(limits)
    _compiled(".")
    _confine(limits)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + (limits.memory >> 11)
    _answer(READY)
    while _respond(evaluator) and resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < peak:
        evaluator.prepare()
        signal.setitimer(signal.ITIMER_REAL, 0)
        _answer(READY)
    os._exit(0)  # without clearing up: freeing what a hostile script built may take long


if __name__ == "__main__":
    main()
