"""The master key is rotated while a server puts and reads secrets; whoever kills the rotation loses nothing."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.rotating import Secrets, cut_short, finished, halfway_killed, is_halfway, killed, progress
from tests.crash.test_kill import soaked
from tests.support import postgres
from tests.support.openbao import OpenBao
from tests.support.server import LiveServer, live_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
MOST_KILLS = 100


def _killed_and_resumed(server: LiveServer, kills: int, summary: Callable[[str], None]) -> None:
    chance, secrets, halfway, cut = random.Random(kills), Secrets(server), 0, 0
    secrets.seed()
    for number in range(MOST_KILLS):
        if number >= kills and cut and (halfway or kills < 5):
            break
        with secrets.load(chance):  # a machine on which none of so many falls in the middle of a rotation tries again
            cut += killed(server, chance) if halfway or number % 2 == 0 else halfway_killed(server)
        halfway += is_halfway(progress(server))
        if number % 5 == 2:  # a server that starts in the middle, with both keys lying there
            server.stop()
            server.start()
        assert not secrets.lost
    with secrets.load(chance):
        finished(server)
    secrets.check(server.admin())
    _only_the_new_key(server, secrets)
    summary(f"rotations killed: {cut} of {number}, {halfway} of them halfway; {secrets.done} secrets read, lost: {len(secrets.lost)}")
    assert cut
    assert halfway or kills < 5


def _only_the_new_key(server: LiveServer, secrets: Secrets) -> None:
    """A server started with the new master key alone reads every secret, and goes on making keys."""
    server.stop()
    old = list(server.data.glob("master.key.*.old"))
    assert old
    for path in old:
        path.unlink()
    assert [path.name for path in server.data.glob("master.key*")] == ["master.key"]
    server.start()
    secrets.check(server.admin())
    server.admin().put_secret("afterwards", "goes on")
    assert not secrets.lost


@soaked(5, 50)
def test_a_rotation_killed_at_any_point_leaves_every_secret_readable_and_resumes(
    kills: int, tmp_path: Path, summary: Callable[[str], None]
) -> None:
    with live_server(tmp_path) as server:
        _killed_and_resumed(server, kills, summary)


@pytest.mark.postgres
@soaked(2, 50)
def test_on_postgresql_too(kills: int, tmp_path: Path, postgres_server: str, summary: Callable[[str], None]) -> None:
    with postgres.database(postgres_server) as url, live_server(tmp_path, url) as server:
        _killed_and_resumed(server, kills, summary)


def test_from_the_file_to_a_key_service_and_back(tmp_path: Path, openbao: OpenBao) -> None:
    service = f"{openbao.url}/{openbao.transit('stagedoor')}/stagedoor"
    server, chance = LiveServer(tmp_path / "data"), random.Random(1)
    server.init()
    server.environment = {"STAGEDOOR_KEY_SERVICE": service, "STAGEDOOR_KEY_SERVICE_TOKEN": openbao.root}
    secrets = Secrets(server)
    secrets.seed()
    try:
        server.start()  # with the file still, which is what the store knows
        for delay in (0.9, 1.3):
            with secrets.load(chance):
                cut_short(server, delay, "--to", "key-service")
        with secrets.load(chance):
            assert "The key service opens it" in finished(server, "--to", "key-service")
        secrets.check(server.admin())
        server.stop()
        Path(server.data, "master.key").unlink()
        server.start()
        secrets.check(server.admin())
        with secrets.load(chance):
            finished(server, "--to", "file")
        server.stop()
        server.environment = {}
        secrets.check(server.start().admin())
        assert not secrets.lost
    finally:
        server.stop()
