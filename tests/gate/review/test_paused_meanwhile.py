"""A value that takes its time, as one from an external store does, is not shown to a credential that was paused meanwhile (promise 2)."""

from pathlib import Path
from typing import Any

import pytest

from stagedoor.gate.authority import Authenticator
from stagedoor.gate.stores import Stores
from tests.support.inside import Inside, inside

pytestmark = [pytest.mark.anyio, pytest.mark.promise(2)]


async def _second_key(made: Inside, admin: dict[str, str]) -> tuple[str, dict[str, str]]:
    """(its path, the headers of its token)"""
    keys = f"/api/applications/{made.first['applicationId']}/accessKeys"
    key = (await made.http.post(keys, headers=admin)).json()
    token = (await made.http.post("/api/token", json={"keyId": key["id"], "keySecret": key["secret"]})).json()["token"]
    return f"{keys}/{key['id']}", {"X-Authorization": token}


@pytest.mark.parametrize("protected", [True, False])
async def test_a_key_paused_while_the_value_is_fetched_does_not_get_it(
    protected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with inside(tmp_path) as made:
        admin = {"X-Authorization": await made.token()}
        await made.http.put("/api/secrets/slow", content=b"its-value", headers=admin)
        path, headers = await _second_key(made, admin)
        real = Stores.write

        async def slow(self: Stores, fn: Any) -> Any:
            value = await real(self, fn)
            assert (await made.http.post(f"{path}/status", headers=admin)).json()["status"] == "INACTIVE"
            return value

        async def content(*_: object) -> None:
            """In place of the last question."""

        monkeypatch.setattr(Stores, "write", slow)
        if not protected:
            monkeypatch.setattr(Authenticator, "still_good", content)
        answer = await made.http.get("/api/secrets/slow", headers=headers)
    assert (answer.status_code, "its-value" in answer.text) == ((401, False) if protected else (200, True))
