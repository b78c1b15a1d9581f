"""Whoever lost UPDATE on the application while the request was on its way makes and rotates no key of it (promise 2)."""

from pathlib import Path

import pytest

from stagedoor.core import grant
from stagedoor.core.overlap import Rotation
from stagedoor.core.principal import Principal, application_user
from stagedoor.core.project import DEFAULT
from stagedoor.kit.errors import Forbidden
from tests.support.inside import inside

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.promise(2)]


async def test_the_right_is_asked_in_the_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with inside(tmp_path) as here:
        gate = here.server.gate
        theirs = await gate.change(lambda tx: gate.applications.create(tx, here.admin, "theirs"))
        own = await gate.change(lambda tx: gate.applications.create(tx, here.admin, "own"))
        key = await gate.create_key(here.admin, theirs.id)
        who = Principal(DEFAULT, application_user(own.id), (await gate.create_key(here.admin, own.id)).id)
        for asked in (
            lambda: gate.create_key(who, theirs.id),
            lambda: here.server.rotations.rotate_access_key(who, theirs.id, key.id, Rotation()),
            lambda: here.server.rotations.roll_back_access_key(who, theirs.id, key.id),
        ):
            with pytest.raises(Forbidden, match="UPDATE on APPLICATION"):
                await asked()
        monkeypatch.setattr(grant, "must_hold", lambda *_: None)
        assert (await here.server.rotations.rotate_access_key(who, theirs.id, key.id, Rotation())).replaces == key.id
