"""A live server and real listeners on this machine's own addresses: no HTTP task reaches one. test_world.py has the whole corpus."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from stagedoor.gate.address import EgressSettings
from tests.api.authorization.world import new
from tests.gate.egress.spellings import NO_HOSTS, THIS_MACHINE
from tests.support.server import Api, LiveServer
from tests.support.thread import thread_server

pytestmark = pytest.mark.promise(8)

ANYWHERE = [text for text in THIS_MACHINE if ".example" not in text.lower()]  # what needs no name server


def own_addresses() -> list[str]:
    """Loopback, and what this machine's interfaces hold that leads somewhere; an address of IPv6 where there is one."""
    found = ["127.0.0.1", "::1"]
    for family, somewhere in ((socket.AF_INET, "203.0.114.1"), (socket.AF_INET6, "2a00::1"), (socket.AF_INET6, "fd00::1")):
        with socket.socket(family, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
            probe.connect((somewhere, 9))
            found.append(probe.getsockname()[0])
    return list(dict.fromkeys(found))


class Doorbell:
    """Listens on all addresses of this machine, `::` and `0.0.0.0`, on one port; counts whoever connects, by address; answers 200."""

    def __init__(self) -> None:
        self.rung: list[str] = []
        self.sockets = [socket.socket(socket.AF_INET)]
        self.sockets[0].bind(("0.0.0.0", 0))
        self.port: int = self.sockets[0].getsockname()[1]
        with contextlib.suppress(OSError):  # no IPv6 here
            six = socket.socket(socket.AF_INET6)
            six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            six.bind(("::", self.port))
            self.sockets.append(six)
        for one in self.sockets:
            one.listen(256)
            threading.Thread(target=self._serve, args=(one,), daemon=True).start()

    def _serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self.rung.append(connection.getsockname()[0])
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
                connection.close()

    def close(self) -> None:
        for one in self.sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@pytest.fixture
def doorbell() -> Iterator[Doorbell]:
    made = Doorbell()
    yield made
    made.close()


def reasons(api: Api, urls: list[str]) -> dict[str, str]:
    """Why the HTTP task to each has failed; empty where it has not."""
    request = {"uri": "${workflow.input.uri}", "method": "GET", "connectionTimeOut": 1000, "readTimeOut": 1000}
    name = new("try")
    api.save({"name": name, "version": 1, "tasks": [{"name": "c", "taskReferenceName": "c", "type": "HTTP", "inputParameters": request}]})
    runs = {url: api.start(name, {"uri": url}) for url in urls}
    ended: dict[str, Any] = {url: api.ended(run) for url, run in runs.items()}
    return {url: run["tasks"][0].get("reasonForIncompletion") or "" for url, run in ended.items()}


def urls(port: int) -> list[str]:
    own = [f"[{address}]" if ":" in address else address for address in own_addresses()]
    return [f"http://{host}:{port}/" for host in dict.fromkeys([*ANYWHERE, *own])]


def test_it_works(sqlite_server: LiveServer, doorbell: Doorbell) -> None:
    """End to end: no connection reaches a listener on any address of this machine."""
    said = reasons(sqlite_server.admin(), [*urls(doorbell.port), *(f"http://{text}:{doorbell.port}/" for text in NO_HOSTS[:40])])
    assert [url for url, reason in said.items() if not reason] == []
    assert doorbell.rung == []
    refused = [reason for reason in said.values() if "STAGEDOOR_EGRESS_ALLOW may allow it" in reason]
    assert len(refused) == len(urls(doorbell.port)) > 60


@pytest.mark.slow
def test_with_the_check_removed_connections_arrive(tmp_path: Path, doorbell: Doorbell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EgressSettings, "check", lambda self, host, address: None)
    with thread_server(tmp_path) as server:
        said = reasons(server.admin(), urls(doorbell.port))
    assert [url for url, reason in said.items() if reason] == []
    deadline = time.monotonic() + 30
    while len(doorbell.rung) < len(urls(doorbell.port)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(doorbell.rung) == len(urls(doorbell.port))
    assert {str(ip_address(address)) for address in doorbell.rung} == set(own_addresses())
