"""What would get through if a protection of rotation were not there."""

from collections.abc import Iterator
from typing import Any

import pytest

from stagedoor.core import credential, overlap
from stagedoor.gate import rotations
from tests.api.keys.hand import key_under
from tests.rotation.keys import KINDS, held
from tests.rotation.turned import TurnedClock, turned_server
from tests.support.thread import ThreadServer

pytestmark = pytest.mark.slow
Hall = tuple[ThreadServer, TurnedClock]


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    with turned_server(tmp_path_factory.mktemp("protections")) as made:
        yield made


@pytest.mark.parametrize("kind", KINDS)
def test_without_the_look_at_its_ceiling_a_credential_would_come_by_one_that_has_none(
    kind: str, hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = hall
    admin = server.admin()
    key, low = held(kind, server, admin), key_under(server, admin, roles=["ADMIN"])
    assert key.ask("rotate", owner=low).status_code == 403
    for module, name in ((overlap, "refuses_to_make"), (credential, "refuses_to_make")):
        monkeypatch.setattr(module, name, lambda who: False)
    monkeypatch.setattr(rotations, "may_have_keys", lambda who: None)
    assert key.ask("rotate", owner=low).status_code == 200


def test_without_the_wait_for_one_another_and_the_look_for_a_successor_there_would_be_two(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = hall
    key = held("access_key", server, server.admin())
    first, _answer = key.rotated()
    assert key.ask("rotate").status_code == 409
    real = overlap.Overlap._old

    def without(*given: Any) -> Any:
        return real(*given)[0], []

    monkeypatch.setattr(overlap.Overlap, "_old", without)
    second, _answer = key.rotated()
    assert first.works() and second.works()


def test_without_the_owner_in_the_look_up_one_would_rotate_anothers_key(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    """By an application's address, the key of another."""
    server, _ = hall
    admin = server.admin()
    mine, theirs = held("access_key", server, admin), held("access_key", server, admin)
    path = f"{mine.home}/{theirs.id}/rotate"
    assert admin.raw("POST", path).status_code == 404
    real = overlap.Overlap._old

    def without(self: overlap.Overlap, tx: Any, who: Any, which: overlap.Which) -> Any:
        row = tx.one("key_to_rotate", project_id=who.project, id=which.id)
        return real(self, tx, who, overlap.Which(row["kind"], row["owner"], which.id))

    monkeypatch.setattr(overlap.Overlap, "_old", without)
    assert admin.raw("POST", path).status_code == 200
