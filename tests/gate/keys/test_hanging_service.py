"""A key service that takes connections and answers nothing: whoever needs it is told so, and everybody else is served."""

import base64
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from stagedoor.core.masterkey import MasterKeys
from stagedoor.gate import key_service
from stagedoor.gate.key_service import KeyService
from stagedoor.kit.errors import Unavailable
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.settings import Settings
from tests.gate.doors.stage import Answer, Heard, Listener, listening
from tests.gate.keys.raw import stagedoor
from tests.support.server import Api
from tests.support.thread import ThreadServer

pytestmark = pytest.mark.slow
OF_SERVER, OF_COMMANDS = "token-of-the-server", "token-of-the-commands"


@dataclass
class Service:
    """As a transit engine for who asks in time; the server is kept waiting from `hang` on until `let_go`."""

    listener: Listener
    waiting: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    going: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"{self.listener.url}/transit/key"

    def say(self, heard: Heard) -> Answer:
        asked = json.loads(heard.body)
        if heard.headers.get("X-Vault-Token") == OF_SERVER and not self.going.is_set():
            self.waiting.release()
            self.going.wait(120)
        wraps = heard.target.endswith("/encrypt/key")
        data = {"ciphertext": "vault:v1:" + asked["plaintext"]} if wraps else {"plaintext": asked["ciphertext"].removeprefix("vault:v1:")}
        return 200, {"Content-Type": "application/json"}, json.dumps({"data": data}).encode()


@pytest.fixture
def service() -> Iterator[Service]:
    with listening() as listener:
        made = Service(listener)
        listener.say = made.say
        made.going.set()
        yield made
        made.going.set()


class Node(ThreadServer):
    service: Service

    @property
    def settings(self) -> Settings:
        return replace(super().settings, key_service=KeyService(self.service.url, SecretValue(OF_SERVER)))


@contextmanager
def a_project_it_does_not_know(folder: Path, service: Service) -> Iterator[tuple[Api, Api]]:
    """A running server, as the first project's administrator and as one whose data key is under a master key that the server must ask
    for; the service hangs."""
    server = Node(folder / "data")
    server.service = service
    server.init()
    server.start()
    try:
        first = server.admin()
        first.put_secret("kept", "before")
        service.going.clear()
        known = {"STAGEDOOR_KEY_SERVICE": service.url, "STAGEDOOR_KEY_SERVICE_TOKEN": OF_COMMANDS}
        done = stagedoor(server, "rotate", "master-key", **known)
        assert done.exit_code == 0, done.stderr
        made = stagedoor(server, "project", "create", "later", "--admin", "later@example.com", "--json", **known)
        assert made.exit_code == 0, made.stderr
        keys = json.loads(made.stdout)
        yield first, server.api(server.token(keys["keyId"], keys["keySecret"]))
    finally:
        service.going.set()
        server.stop()


def put(api: Api, value: str) -> int:
    return api.raw("PUT", "/api/secrets/kept", value.encode(), headers={"Content-Type": "text/plain"}).status_code


def test_a_service_that_hangs_holds_up_nobody_who_does_not_need_it(tmp_path: Path, service: Service) -> None:
    """End to end."""
    with a_project_it_does_not_know(tmp_path, service) as (first, later):
        assert put(later, "needs it") == 503
        assert service.waiting.acquire(timeout=30)
        assert [put(first, "meanwhile"), put(later, "needs it still")] == [200, 503]
        assert first.raw("GET", "/api/secrets/kept").text == "meanwhile"
        service.going.set()
        deadline = time.monotonic() + 60
        while (status := put(later, "has it")) != 200:
            assert status == 503 and time.monotonic() < deadline
            time.sleep(0.2)
        assert later.raw("GET", "/api/secrets/kept").text == "has it"


def test_asked_within_a_transaction_it_would(tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MasterKeys, "serving", lambda self: None)
    monkeypatch.setattr(key_service, "SECONDS", 60.0)
    with a_project_it_does_not_know(tmp_path, service) as (first, later), ThreadPoolExecutor(2) as threads:
        needs = threads.submit(put, later, "needs it")
        assert service.waiting.acquire(timeout=30)
        other = threads.submit(put, first, "meanwhile")
        time.sleep(1)
        assert not needs.done() and not other.done()
        service.going.set()
        assert [needs.result(60), other.result(60)] == [200, 200]


# --- the call itself ----------------------------------------------------------------------------------------------------------------

BODY = json.dumps({"data": {"plaintext": base64.b64encode(b"ab" * 32).decode()}}).encode()


@contextmanager
def dripping(drops: int | None) -> Iterator[str]:
    """The address of a service whose answer comes byte by byte; `drops` None: without end."""
    end = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            sent = 0
            while not end.wait(0.02) and sent != drops:
                try:
                    connection.sendall(b"a")
                except OSError:
                    return
                sent += 1
            connection.sendall(b"\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/transit/key"
        finally:
            end.set()
            thread.join()


def test_an_answer_that_drips_ends_with_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_service, "SECONDS", 0.5)
    with dripping(None) as url, pytest.raises(Unavailable, match=r"cannot be reached: no answer within 0\.5 s"):
        KeyService(url, SecretValue("token")).unwrap("vault:v1:x")


def test_without_the_limit_for_all_of_it_it_lasts_as_long_as_the_service_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    limit: list[float] = []

    def noted(seconds: float, *_: Any) -> Any:
        limit.append(seconds)
        return nullcontext()

    monkeypatch.setattr(key_service, "_ended_after", noted)
    began = time.monotonic()
    with dripping(60) as url:
        assert KeyService(url, SecretValue("token")).unwrap("vault:v1:x") == SecretValue("ab" * 32)
    assert limit and time.monotonic() - began > 60 * 0.02
