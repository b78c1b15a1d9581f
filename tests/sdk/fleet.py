"""Clients by an official SDK that go on while keys are rotated: a process that is told what to do, line by line, and answers in JSON."""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

SECONDS = 60


@dataclass
class Fleet:
    """The SDK's process. `said`: the last it said of each thing; `other`: what else it printed."""

    process: subprocess.Popen[str]
    said: dict[str, Any] = field(default_factory=dict)
    other: list[str] = field(default_factory=list)

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(('{"done"', '{"released"', '{"requests"', '{"late"')):
                self.said |= json.loads(line)
            else:
                self.other.append(line)

    def tell(self, *words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()

    def until(self, ready: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + SECONDS
        while not ready(self.said):
            assert time.monotonic() < deadline and self.process.poll() is None, "".join(self.other)[-3000:]
            time.sleep(0.02)
        return self.said

    def more(self, party: str, count: int = 5) -> None:
        """Until it has done so many rounds more."""
        before = self.said.get("done", {}).get(party, 0)
        self.until(lambda said: said.get("done", {}).get(party, 0) >= before + count)

    def told(self, command: str, word: str) -> Any:
        """What it says to this command."""
        self.tell(command)
        return self.until(lambda said: word in said)[word]

    def all_went_well(self, at_least: int) -> None:
        """It is stopped: of so many requests and more not one has failed."""
        requests = self.told("STOP", "requests")
        assert self.said["failed"] == [] and requests >= at_least, (self.said, "".join(self.other)[-2000:])


@contextmanager
def fleet(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Fleet]:
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, env={"PATH": "/usr/bin:/bin", **environment}, **pipes) as process:
        made = Fleet(process)
        reader = threading.Thread(target=made.read, daemon=True)
        reader.start()
        try:
            yield made
        finally:
            process.kill()
            reader.join()
