"""Power cuts, simulated: a process runs on a directory, the power goes, and only what was synced is still there.

`PowerCut(directory)`; start a process with `env=cut.environment()`; `cut.cut(process)` kills it and leaves `directory` as a disk would be
found afterwards. As often as wanted. The rules of that disk stand in powercut.c, which is compiled here and preloaded into the process.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import pytest

SOURCE = Path(__file__).with_name("powercut.c")


class PowerCut:
    """The disk under `directory`, which must exist; only one process at a time writes to it. Everything in it at the start is durable.

    `writeback`: of 100 writes, how many reach the disk without being synced, in no order, as they do under a real kernel. 0 loses the most.
    """

    def __init__(self, directory: Path, writeback: int = 0) -> None:
        self.directory = directory.resolve(strict=True)
        self.disk = self.directory.with_name(self.directory.name + ".disk")
        self._writeback = writeback
        self._shim = shim()

    def environment(self) -> dict[str, str]:
        """The whole environment for the process that is to lose its power."""
        shutil.rmtree(self.disk, ignore_errors=True)
        self.disk.mkdir(mode=0o700)
        names = {"POWERCUT_DIRECTORY": str(self.directory), "POWERCUT_DISK": str(self.disk), "POWERCUT_WRITEBACK": str(self._writeback)}
        return os.environ | names | {"LD_PRELOAD": str(self._shim)}

    def cut(self, process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> Path:
        """Kill the process at once, where it still lives, and put the surviving files in place. Returns `directory`."""
        process.kill()
        process.wait()
        survivors = self.disk / "tree"
        if not survivors.is_dir():
            raise RuntimeError("the process never came under the shim: was it started with this environment?")
        shutil.rmtree(self.directory)
        survivors.rename(self.directory)
        shutil.rmtree(self.disk)
        return self.directory


def shim() -> Path:
    """The compiled shim, once for each version of its source. Skips the test where it cannot be had, or fails it if it must be."""
    if sys.platform != "linux" or sys.maxsize < 2**32:
        _missing("power cuts are simulated on 64-bit Linux only")
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        _missing("power cuts need gcc")
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    compiled = Path(tempfile.gettempdir()) / f"powercut-{os.getuid()}-{digest}.so"
    if not compiled.exists():
        fresh = compiled.with_suffix(f".{os.getpid()}")
        command = [compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", str(fresh), str(SOURCE), "-ldl", "-lpthread"]
        subprocess.run(command, check=True)
        fresh.rename(compiled)
    return compiled


def _missing(what: str) -> NoReturn:
    if os.environ.get("STAGEDOOR_REQUIRE_CRASH") == "1":
        pytest.fail(what)
    pytest.skip(what)
