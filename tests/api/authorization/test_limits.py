"""Limits on failed exchanges over HTTP, and whose address is counted (promises 5 and 17)."""

import itertools
import sqlite3
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.support.server import LiveServer, live_server

PROXIES = "127.0.0.1, 10.0.0.0/8, 2001:db8:ffff::/48"
BURST = 60
"""Of one key from one address."""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with live_server(tmp_path_factory.mktemp("plain")) as server:
        yield server


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """It names this machine as its proxy."""
    with live_server(tmp_path_factory.mktemp("behind"), STAGEDOOR_TRUSTED_PROXIES=PROXIES) as server:
        yield server


class Caller:
    def __init__(self, server: LiveServer) -> None:
        self.server, self.http = server, server.api().http

    def key(self, secret: str | None = None, key_id: str | None = None, forwarded: str | None = None) -> httpx.Response:
        first = self.server.first
        headers = {"X-Forwarded-For": forwarded} if forwarded is not None else {}
        return self.http.post(
            "/api/token", json={"keyId": key_id or first["keyId"], "keySecret": secret or first["keySecret"]}, headers=headers
        )

    def statuses(self, count: int, key_id: str, forwarded: Iterator[str] | None = None) -> Counter[int]:
        return Counter(self.key("wrong", key_id, next(forwarded) if forwarded else None).status_code for _ in range(count))


def addresses() -> Iterator[str]:
    return (f"198.51.{number >> 8}.{number & 255}" for number in itertools.count())


@pytest.mark.promise(5)
def test_over_the_limit_a_wrong_secret_is_429_with_retry_after_and_the_right_one_still_a_token(plain: LiveServer) -> None:
    caller = Caller(plain)
    answers = [caller.key("wrong") for _ in range(BURST + 20)]
    assert {answer.status_code for answer in answers[:BURST]} == {401}
    over = next(answer for answer in answers if answer.status_code != 401)
    assert over.status_code == 429
    assert over.json() == {"status": 429, "message": "too many failed attempts", "instance": "stagedoor", "retryable": True}
    assert over.headers["retry-after"] == "1"
    assert caller.key().status_code == 200


@pytest.mark.slow
@pytest.mark.promise(5)
def test_an_existing_key_and_an_unknown_one_are_limited_alike(behind: LiveServer) -> None:
    caller = Caller(behind)
    for key_id, address in ((behind.first["keyId"], "203.0.113.1"), ("unknown", "203.0.113.2")):
        answers = [caller.key("wrong", key_id, address) for _ in range(BURST + 20)]
        assert {answer.status_code for answer in answers[:BURST]} == {401}
        assert {answer.json()["message"] for answer in answers if answer.status_code == 429} == {"too many failed attempts"}


@pytest.mark.slow
@pytest.mark.promise(5)
def test_a_spoofed_forwarded_address_changes_nothing_unless_the_proxy_was_named(plain: LiveServer, behind: LiveServer) -> None:
    assert Caller(plain).statuses(BURST + 60, "spoofed", addresses())[429] > 20
    assert Caller(behind).statuses(BURST + 60, "spoofed", addresses()) == {401: BURST + 60}
    assert Caller(behind).statuses(BURST + 60, "same", itertools.repeat("203.0.113.3"))[429] > 20
    left_of_it = (f"{spoofed}, 203.0.113.4" for spoofed in addresses())
    assert Caller(behind).statuses(BURST + 60, "spoofed", left_of_it)[429] > 20


@pytest.mark.slow
def test_a_correct_password_is_refused_where_its_account_was_guessed_at_and_taken_from_elsewhere(behind: LiveServer) -> None:
    def sign_in(password: str, address: str) -> httpx.Response:
        body = {"email": behind.first["user"], "password": password}
        return caller.http.post("/api/token", json=body, headers={"X-Forwarded-For": address})

    caller, first = Caller(behind), behind.first
    assert Counter(sign_in("a wrong password", "203.0.113.5").status_code for _ in range(22)) == {401: 20, 429: 2}
    refused = sign_in(first["password"], "203.0.113.5")
    assert (refused.status_code, refused.json()["retryable"]) == (429, True)
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert sign_in(first["password"], "203.0.113.6").status_code == 200


@pytest.mark.promise(5)
def test_bad_tokens_are_no_reason_to_refuse_a_good_one(plain: LiveServer) -> None:
    admin = plain.admin()
    bad = plain.api("not.a.token")
    assert {bad.raw("GET", "/api/applications").status_code for _ in range(400)} == {401}
    assert admin.raw("GET", "/api/applications").status_code == 200
    assert Caller(plain).key().status_code == 200


def under_attack(server: LiveServer, correct: int) -> tuple[Counter[int], Counter[int]]:
    """(what the correct exchanges got, what the attack from the same address got): three attackers beside one worker."""
    ended = False

    def attack(number: int) -> Counter[int]:
        caller, got = Caller(server), Counter[int]()
        while not ended:
            if number == 0:
                body = {"email": server.first["user"], "password": "a wrong password"}
                got[caller.http.post("/api/token", json=body).status_code] += 1
            else:
                got[caller.key("wrong", None if number == 1 else f"other-{got.total()}").status_code] += 1
        return got

    with ThreadPoolExecutor(3) as threads:
        attackers = [threads.submit(attack, number) for number in range(3)]
        worker = Caller(server)
        given = Counter(worker.key().status_code for _ in range(correct))
        ended = True
        return given, sum((one.result() for one in attackers), Counter[int]())


@pytest.mark.promise(5, 17)
@pytest.mark.parametrize("correct", [200, pytest.param(2000, marks=pytest.mark.soak)])
def test_no_correct_key_is_refused_during_an_attack_from_its_address(correct: int, plain: LiveServer) -> None:
    given, attack = under_attack(plain, correct)
    assert given == {200: correct}
    assert attack[429] > correct / 4
    assert set(attack) <= {401, 429}


FORWARDED = [
    (["198.51.100.7"], "198.51.100.7"),
    (["1.1.1.1, 198.51.100.8"], "198.51.100.8"),  # what the client wrote stands left of what the proxy wrote
    (["10.9.9.9, 198.51.100.9"], "198.51.100.9"),
    (["198.51.100.10, 10.1.2.3"], "198.51.100.10"),  # two proxies
    (["1.1.1.1, 198.51.100.11, 10.0.0.1, 10.0.0.2"], "198.51.100.11"),
    (["10.0.0.1, 198.51.100.12, 10.0.0.2"], "198.51.100.12"),  # a hop in the middle that nobody named
    (["198.51.100.13, ::ffff:10.0.0.9"], "198.51.100.13"),  # a proxy that writes IPv4 as IPv6
    (["198.51.100.14, 2001:db8:ffff::1"], "198.51.100.14"),
    (["::ffff:198.51.100.15"], "198.51.100.15"),
    (["198.51.100.16:4711"], "198.51.100.16"),
    (["2001:db8:a:b:1::1"], "2001:db8:a:b::/64"),
    (["[2001:db8:a:c::1]:4711"], "2001:db8:a:c::/64"),
    (["1.1.1.1", "198.51.100.17"], "198.51.100.17"),  # two header lines are one list
    (["garbage"], "unknown"),
    (["1.1.1.1, <script>"], "unknown"),
    (["x" * 5000], "unknown"),
    ([""], "127.0.0.1"),
    (["1.1.1.1,"], "127.0.0.1"),
]  # fmt: skip
OTHER_HEADERS = {"Forwarded": "for=1.1.1.1", "X-Real-IP": "1.1.1.1", "True-Client-IP": "1.1.1.1", "X-Client-IP": "1.1.1.1"}


def recorded(server: LiveServer) -> dict[str, int]:
    """The audit's counts by address, once the server has stopped."""
    server.stop()
    assert server.process is not None and server.process.returncode == 0
    with closing(sqlite3.connect(server.data / "stagedoor.db")) as db:
        asked = "SELECT target, SUM(count) FROM audit WHERE actor = '' AND action = 'authenticate' AND outcome = 'refused' GROUP BY target"
        return dict(db.execute(asked).fetchall())


@pytest.mark.slow
@pytest.mark.promise(5, 11)
@pytest.mark.parametrize("proxies", [PROXIES, "192.0.2.0/24"])
def test_the_address_counted_is_the_peers_unless_a_named_proxy_tells_another(proxies: str, tmp_path: Path) -> None:
    with live_server(tmp_path, STAGEDOOR_TRUSTED_PROXIES=proxies) as server:
        http = server.api().http
        wrong = {"keyId": "x", "keySecret": "wrong"}
        sent = 0
        for values, _ in FORWARDED:
            headers = [("X-Forwarded-For", value) for value in values]
            assert http.post("/api/token", json=wrong, headers=headers).status_code == 401
            sent += 1
        for name, value in OTHER_HEADERS.items():
            assert http.post("/api/token", json=wrong, headers={name: value}).status_code == 401
            sent += 1
        assert http.get("/api/applications", headers={"X-Authorization": "not.a.token"}).status_code == 401
        assert http.get("/api/applications").status_code == 401  # no token at all: no attempt
        sent += 1
        expected = Counter(address for _, address in FORWARDED) + Counter({"127.0.0.1": len(OTHER_HEADERS) + 1})
        assert recorded(server) == (expected if proxies == PROXIES else {"127.0.0.1": sent})
