"""Rotating the key that signs access tokens: nothing that lives is killed, but by `--at-once` (promise 2)."""

import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from stagedoor.cli import app
from stagedoor.core import signing
from stagedoor.core.principal import Principal
from tests.api.authorization.tenancy import audit
from tests.oauth.oauth import ME, client, status
from tests.support import postgres
from tests.support.inside import inside
from tests.support.server import LiveServer, live_server

pytestmark = [pytest.mark.slow, pytest.mark.promise(2)]
PATIENCE = 15
"""Seconds; promised is one, on a machine that is not busy with other things."""


def kids(server: LiveServer) -> list[str]:
    keys = httpx.get(f"{server.url}/.well-known/jwks.json", timeout=30, verify=False).json()["keys"]
    assert all("d" not in key for key in keys)
    return [key["kid"] for key in keys]


def kid_in(token: str) -> str:
    from joserfc import jws

    kid: str = jws.extract_compact(token.encode()).headers()["kid"]
    return kid


def rotate(server: LiveServer, *options: str, fails: bool = False, nodes: tuple[LiveServer, ...] = ()) -> str:
    """The command, in this process: what it says, once all nodes have followed."""
    done = CliRunner().invoke(app, ["rotate", "signing-key", *server._store(), *options])
    assert bool(done.exit_code) == fails, done.output
    deadline = time.monotonic() + PATIENCE
    while not fails and any(kids(node)[0] not in done.output for node in (server, *nodes)):
        assert time.monotonic() < deadline, "a node does not follow"
        time.sleep(0.05)
    return done.output


def test_rotation_rollback_and_the_end_of_all_that_was_signed_before(server: LiveServer) -> None:
    holder = client(server, "holds tokens")
    first, (old,) = holder.token(), kids(server)
    assert kid_in(first) == old

    rotate(server)
    second = holder.token()
    assert kids(server) == [kid_in(second), old] and kid_in(second) != old
    assert [status(server, each) for each in (first, second)] == [200, 200]

    rotate(server, "--back")
    third = holder.token()
    assert (kid_in(third), kids(server)) == (old, [old, kid_in(second)])
    assert [status(server, each) for each in (first, second, third)] == [200] * 3

    rotate(server, "--at-once")
    assert len(kids(server)) == 1 and kids(server)[0] not in (old, kid_in(second))
    assert [status(server, each) for each in (first, second, third)] == [401] * 3
    assert status(server, holder.token()) == 200
    assert "no signing key before" in rotate(server, "--back", fails=True)
    assert "--at-once" in rotate(server, "--back", "--at-once", fails=True)
    assert [len(audit(server, "default", f"signing_key.{word}")) for word in ("rotate", "roll_back")] == [2, 1]


def test_a_server_that_is_started_anew_knows_the_keys_that_retire(server: LiveServer) -> None:
    token = client(server, "outlives a restart").token()
    rotate(server)
    server.kill()
    server.start()
    assert status(server, token) == 200 and len(kids(server)) == 2


@pytest.fixture(scope="module")
def nodes(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveServer, LiveServer]]:
    """Two servers on one PostgreSQL database."""
    with postgres.database(postgres_server) as url, live_server(tmp_path_factory.mktemp("nodes"), url) as one:
        two = LiveServer(one.data, url, first=one.first)
        two.start()
        try:
            yield one, two
        finally:
            two.stop()


@pytest.mark.postgres
def test_under_load_on_two_nodes_not_one_request_fails_while_keys_are_rotated(nodes: tuple[LiveServer, LiveServer]) -> None:
    """Each token is used on the other node at once, which may not have heard of its key yet."""
    one, two = nodes
    holder, failed, seen, stop = client(one, "works on"), list[str](), set[str](), threading.Event()

    def work() -> None:
        with httpx.Client(timeout=30, verify=False) as http:
            for here, there in itertools.cycle(((one, two), (two, one))):
                if stop.is_set():
                    return
                got = http.post(f"{here.url}/api/token", json={"keyId": holder.key["id"], "keySecret": holder.key["secret"]})
                used = http.get(there.url + ME, headers={"X-Authorization": got.json()["token"]})
                seen.add(kid_in(got.json()["token"]))
                failed.extend(answer.text for answer in (got, used) if answer.status_code != 200)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for options in ((), (), ("--back",)):
        rotate(one, *options, nodes=(two,))
    stop.set()
    for worker in workers:
        worker.join()
    assert failed == [] and len(seen) > 1
    assert kids(one) == kids(two)


@pytest.mark.postgres
def test_a_token_that_is_revoked_on_one_node_ends_on_the_other_with_all_that_came_of_it(nodes: tuple[LiveServer, LiveServer]) -> None:
    one, two = nodes
    holder = client(one, "is ended everywhere")
    token = holder.token()
    less = holder.exchanged(token)
    assert [status(two, each) for each in (token, less)] == [200, 200]
    assert holder.send("revoke", {"token": token}).status_code == 200
    deadline = time.monotonic() + PATIENCE
    while [status(two, each) for each in (token, less)] != [401, 401]:
        assert time.monotonic() < deadline


@pytest.mark.anyio
async def test_a_key_that_retires_stays_until_the_last_token_it_signed_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no longer; with an overlap of nothing the tokens would end."""
    async with inside(tmp_path) as made:
        gate, who = made.server.gate, Principal("default", "test")
        keys = made.server.realm.keys
        token = await made.token()

        async def rotate() -> list[int | None]:
            await gate.store.write(lambda tx: keys.signing.rotate(tx, who, gate.audit))
            return [held.retires_at for held in await gate.scan(lambda tx: keys.signing.held(tx, {}))]

        now = gate.exchange.clock.now()
        newest, *others = await rotate()
        assert newest is None and all(at is not None and at >= now + signing.LONGEST_LIFE for at in others)
        assert (await made.http.get(ME, headers={"X-Authorization": token})).status_code == 200
        monkeypatch.setattr(signing, "OVERLAP", 0)
        await rotate()
        assert (await made.http.get(ME, headers={"X-Authorization": token})).status_code == 401
