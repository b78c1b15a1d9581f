"""Nobody hands out what they do not hold, asked once more in the transaction of the change (promise 10): what the routes' rules, which are
asked before it, would hide from a test over HTTP."""

from typing import Any

import pytest

from stagedoor.bootstrap import Core, make_core
from stagedoor.core import grant as grants
from stagedoor.core.custom_role import CustomRole, Roles
from stagedoor.core.grant import Subject, Target
from stagedoor.core.permission import Access
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT
from stagedoor.core.role import check_permissions
from stagedoor.kit.clock import SystemClock
from stagedoor.kit.crypto import Key
from stagedoor.kit.errors import Forbidden
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store import Store, Transaction

pytestmark = [pytest.mark.anyio, pytest.mark.promise(10)]
OWNER, CLIMBER = Principal(DEFAULT, "owner@example.com"), Principal(DEFAULT, "climber@example.com")
SECRET = Target("SECRET_NAME", "s")


@pytest.fixture
async def core(store: Store) -> Core:
    core = make_core(store, Key(bytes(32)), SystemClock())

    def begin(tx: Transaction) -> None:
        core.projects.create(tx, DEFAULT, DEFAULT)
        for who in (OWNER, CLIMBER):
            core.directory.create(tx, who, who.user, None, [])
        core.secrets.put(tx, OWNER, "s", SecretValue("needles"))
        core.directory.give_role(tx, OWNER, CLIMBER.subject, "USER")

    await store.write(begin)
    return core


def grant(tx: Transaction, core: Core, method: str, access: Access) -> None:
    getattr(core.grants, method)(tx, CLIMBER, Subject("USER", CLIMBER.user), SECRET, [access])


@pytest.mark.parametrize("method", ["add", "remove"])
async def test_the_transaction_of_a_grant_asks_for_what_is_handed_out(method: str, core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    for held in ([], [Access.UPDATE], [Access.READ]):
        if held:
            await core.store.write(lambda tx: core.grants.add(tx, OWNER, Subject("USER", CLIMBER.user), SECRET, held))  # noqa: B023
        with pytest.raises(Forbidden, match="missing: "):
            await core.store.write(lambda tx: grant(tx, core, method, Access.DELETE))
        if held:
            await core.store.write(lambda tx: core.grants.remove(tx, OWNER, Subject("USER", CLIMBER.user), SECRET, held))  # noqa: B023
    monkeypatch.setattr(grants, "must_hold", lambda *_: None)
    await core.store.write(lambda tx: grant(tx, core, method, Access.DELETE))


@pytest.mark.parametrize("deed", ["create", "update", "delete"])
async def test_who_changes_a_custom_role_holds_what_it_lists_and_listed(deed: str, core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    role: Any = CustomRole("readers", "", ("READ_SECRET_NAME",))
    if deed != "create":
        administrator = Principal(DEFAULT, "admin@example.com")
        await core.store.write(lambda tx: core.directory.give_role(tx, OWNER, administrator.subject, "ADMIN"))
        await core.store.write(lambda tx: core.roles.create(tx, administrator, role))
    asked: Any = role.name if deed == "delete" else CustomRole("readers", "", () if deed == "update" else role.permissions)
    with pytest.raises(Forbidden, match="missing: READ on every SECRET_NAME"):
        await core.store.write(lambda tx: getattr(core.roles, deed)(tx, CLIMBER, asked))
    monkeypatch.setattr(Roles, "_checked", lambda self, tx, who, permissions: check_permissions(permissions))
    await core.store.write(lambda tx: getattr(core.roles, deed)(tx, CLIMBER, asked))
