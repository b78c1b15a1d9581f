"""One live server for the slow suites of the egress, and what it may reach: a listener for each way to fail, good.test, evil.test."""

import contextlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import anyio.from_thread
import pytest
import trustme

from tests.gate.egress.servers import PLAIN, Answer, Listener, listening
from tests.gate.egress.ways import OTHERS, WAYS
from tests.support.echo import Local, Received, Reply, answering
from tests.support.server import LiveServer, live_server


@dataclass(frozen=True)
class Targets:
    """`bases`: for each way to fail a URL without a path. `environment`: what lets a server go there."""

    bases: dict[str, str]
    good: Local
    evil: Local
    environment: dict[str, str]


def answer(received: Received) -> Reply:
    if received.target.startswith("/away"):
        return Reply(int(received.target[5:8]), (("Location", "http://evil.test/taken"),))
    return Reply(body=b"ok")


@pytest.fixture(scope="session")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Targets]:
    with anyio.from_thread.start_blocking_portal() as portal, contextlib.ExitStack() as stack:

        def listen(answer: Answer | None = None, tls: ssl.SSLContext | None = None, greeting: bytes = b"") -> Listener:
            return stack.enter_context(portal.wrap_async_context_manager(listening(answer, tls=tls, greeting=greeting)))

        good, evil = (stack.enter_context(answering(answer)) for _ in range(2))
        ca, past = trustme.CA(), datetime(2020, 1, 1, tzinfo=UTC)
        certificates = {
            "untrusted.test": trustme.CA().issue_cert("untrusted.test"),
            "wrong.test": ca.issue_cert("another.test"),
            "expired.test": ca.issue_cert("expired.test", not_before=past, not_after=datetime(2021, 1, 1, tzinfo=UTC)),
        }
        ports = {"plain.test": listen(greeting=PLAIN).port, "good.test": good.port, "evil.test": evil.port}
        for host, certificate in certificates.items():
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            certificate.configure_cert(context)
            ports[host] = listen(tls=context).port
        bases = {way: f"http://127.0.0.1:{listen(answer).port}" for way, (answer, _) in WAYS.items()}
        environment = {
            "STAGEDOOR_EGRESS_ALLOW": "127.0.0.1",
            "STAGEDOOR_EGRESS_RESOLVE": ",".join(f"{host}=127.0.0.1:{port}" for host, port in ports.items()),
            "STAGEDOOR_EGRESS_CA": str(authority(tmp_path_factory.mktemp("ca"), ca)),
        }
        yield Targets({**bases, **{way: url for way, (url, _) in OTHERS.items()}}, good, evil, environment)


def authority(folder: Path, ca: trustme.CA) -> Path:
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    return folder / "ca.pem"


@pytest.fixture(scope="session")
def egress_server(tmp_path_factory: pytest.TempPathFactory, targets: Targets) -> Iterator[LiveServer]:
    with live_server(tmp_path_factory.mktemp("egress"), **targets.environment) as server:
        yield server
