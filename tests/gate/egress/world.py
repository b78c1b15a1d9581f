"""A machine of its own for a live server, in namespaces (`unshare -rnm python -m tests.gate.egress.world FOLDER [PATCH]`).

The server has loopback, a private, a public and a link-local address, the system's resolver and a way to a world (outside.py) in which
every address answers: a connection that is made is seen, wherever it goes. One HTTP task is tried for each authority that comes on standard
input (a list in JSON); printed is {"reasons": {authority: reason or ""}, "connections": [{"where", "address"}], "log": the server's}.

With `unchecked` for PATCH the check of addresses is taken away.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.gate.egress.outside import NAME_SERVER, ip, listen
from tests.support.server import Api, LiveServer

PORT = 8099
UNCHECKED = "from stagedoor.gate.address import EgressSettings\nEgressSettings.check = lambda self, host, address: None\n"


@dataclass
class Patched(LiveServer):
    """The server with a protection taken away in its own process."""

    patch: str = ""

    def run(self, command: str, *options: str, **popen: Any) -> subprocess.Popen[bytes]:
        code = f"import sys\n{self.patch}\nfrom stagedoor.cli import main\nmain()"
        return subprocess.Popen([sys.executable, "-c", code, command, *self._store(), *options], env=self._env(), **popen)


@contextmanager
def outside(seen: list[dict[str, Any]]) -> Iterator[None]:
    """The world at the other end of the wire; what it sees is added to `seen`."""
    command = ["unshare", "-n", sys.executable, "-m", "tests.gate.egress.outside", str(PORT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        ip("link", "add", "inner", "type", "veth", "peer", "name", "outer", "netns", str(process.pid))
        ip("link", "set", "inner", "up")
        for address in ("11.22.33.44/24", "10.9.8.7/32", "169.254.9.8/32"):
            ip("addr", "add", address, "dev", "inner")
        for address in ("2a00:77::44/64", "fd00:77::44/128"):
            ip("-6", "addr", "add", address, "dev", "inner", "nodad")
        ip("route", "add", "default", "via", "11.22.33.1")
        ip("-6", "route", "add", "default", "via", "2a00:77::1")
        process.stdout.readline()
        threading.Thread(target=lambda: seen.extend(map(json.loads, process.stdout or ())), daemon=True).start()
        try:
            yield
        finally:
            process.kill()


def resolver(folder: Path) -> None:
    """The system's own resolver, in this mount namespace, asks the world's name server."""
    nameserver, hosts = f"nameserver {NAME_SERVER}\noptions timeout:1 attempts:1\n", "127.0.0.1 localhost\n::1 localhost\n"
    for name, text in (("resolv.conf", nameserver), ("hosts", hosts)):
        (folder / name).write_text(text)
        subprocess.run(["mount", "--bind", str(folder / name), f"/etc/{name}"], check=True)


def tried(api: Api, authorities: list[str]) -> dict[str, str]:
    """Why the HTTP task to each has failed; empty where it has not."""
    request = {"uri": "${workflow.input.uri}", "method": "GET", "connectionTimeOut": 1000, "readTimeOut": 1000}
    task = {"name": "call", "taskReferenceName": "call", "type": "HTTP", "inputParameters": {"http_request": request}}
    api.save({"name": "try", "version": 1, "tasks": [task]})
    runs = []
    for authority in authorities:  # one by one: a name server that rebinds is asked in this order
        runs.append((authority, api.start("try", {"uri": f"http://{authority}/"})))
        if authority.startswith("rebind"):
            api.ended(runs[-1][1])
    return {authority: api.ended(run)["tasks"][0].get("reasonForIncompletion") or "" for authority, run in runs}


def main(folder: Path, patch: str) -> None:
    seen: list[dict[str, Any]] = []
    ip("link", "set", "lo", "up")
    resolver(folder)
    real, sys.stdout = sys.stdout, (folder / "inside").open("w")
    with outside(seen):
        listen(PORT, "inside")
        server = Patched(folder / "data", patch=UNCHECKED if patch == "unchecked" else "")
        server.init()
        server.start()
        reasons = tried(server.admin(), json.load(sys.stdin))
        server.stop()
        time.sleep(0.2)
    sys.stdout.close()
    seen += map(json.loads, (folder / "inside").read_text().splitlines())
    connections = [one for one in seen if "address" in one and "target" not in one]
    print(json.dumps({"reasons": reasons, "connections": connections, "log": server.log.read_text()}), file=real)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "")
