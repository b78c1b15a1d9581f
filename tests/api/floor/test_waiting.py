"""Calls that wait: ended when the client leaves, and when the server stops."""

import threading
import time

import pytest

from tests.api.floor.live import Live, Server, parsed, request, serving


@pytest.mark.parametrize("said", [request("GET", "/api/tasks/poll/t"), request("POST", "/api/tasks/wait", b"{}")])
def test_a_client_that_leaves_cancels_its_call(said: bytes) -> None:
    with serving() as live:
        with live.connect() as conn:
            conn.sendall(said)
            assert live.seen.waiting.wait(30)
            assert not live.seen.cancelled.wait(0.3)
        assert live.seen.cancelled.wait(30)
        assert [status for _, status in live.seen.measured] == [499]


def test_stopping_ends_what_waits_with_503() -> None:
    with serving(grace=60) as live:
        answers: list[bytes] = []
        asking = threading.Thread(target=lambda: answers.append(live.say(request("GET", "/api/tasks/poll/t"))))
        asking.start()
        assert live.seen.waiting.wait(30)
        began = time.monotonic()
        live.stop()
        asking.join(30)
        assert time.monotonic() - began < 30
        answer = parsed(answers[0])
        assert (answer.status, answer.json["retryable"]) == (503, True)


def test_without_the_release_stopping_takes_the_whole_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Server, "shutdown", Server.__mro__[1].shutdown)  # type: ignore[attr-defined]
    with serving(grace=1) as live:
        asking = threading.Thread(target=lambda: live.say(request("GET", "/api/tasks/poll/t")), daemon=True)
        asking.start()
        assert live.seen.waiting.wait(30)
        began = time.monotonic()
        live.stop()
        assert time.monotonic() - began > 1


def test_another_call_is_answered_while_one_waits(live: Live) -> None:
    with live.connect() as conn:
        conn.sendall(request("GET", "/api/tasks/poll/t"))
        assert live.seen.waiting.wait(30)
        assert parsed(live.say(request("GET", "/health"))).status == 200
