"""What the hand-off door remembers of rights and policies counts only while nothing has changed (docs/decisions/0030-redaction.md)."""

from collections.abc import Callable
from functools import partial

import pytest

from stagedoor.core.permission import Access, Allowed, Resource, decide
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT
from stagedoor.gate import rights
from stagedoor.gate.rights import Rights
from stagedoor.store import Store
from stagedoor.store.store import Transaction
from tests.gate.doors.stage import Stage, simple

pytestmark = pytest.mark.promise(6)
WHO, SECRET = Principal(DEFAULT, "app:one"), Resource("SECRET_NAME", "key")


def handed(stage: Stage, run: str) -> bool:
    """Whether the worker gets this run's task, with the value."""
    found = [task for task in stage.worker.poll(stage.task) if task["workflowInstanceId"] == run]
    return [task["inputData"]["key"] for task in found] == [stage.value]


CHANGES: dict[str, Callable[[Stage], object]] = {
    "the worker's right": lambda stage: stage.admin.revoke(stage.worker_id, "SECRET_NAME", stage.secret, "READ"),
    "the voucher's right": lambda stage: stage.admin.revoke(stage.author_id, "SECRET_NAME", stage.secret, "READ"),
    "the starter's right": lambda stage: stage.admin.revoke(stage.author_id, "WORKFLOW_DEF", stage.name, "EXECUTE"),
    "the policy": lambda stage: stage.admin.call("PUT", f"/api/secrets/{stage.secret}/policy", {"taskTypes": ["another"]}),
    "the secret": lambda stage: stage.admin.call("DELETE", f"/api/secrets/{stage.secret}"),
    "its expiry": lambda stage: stage.admin.call("PUT", f"/api/secrets/{stage.secret}/expiry", {"expiresAt": 1}),
    "its workflow": lambda stage: stage.admin.call("DELETE", f"/api/metadata/workflow/{stage.name}/1"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_allowed_just_now_is_refused_once_something_has_changed(stage: Stage, change: str) -> None:
    _ = stage.entitled
    stage.save(simple(stage.task, key=stage.key))
    for _ in range(3):  # the second and third time it is known
        assert handed(stage, stage.author.start(stage.name))
    run = stage.author.start(stage.name)
    CHANGES[change](stage)
    assert not handed(stage, run)


def test_a_new_value_is_handed_out_although_the_rights_are_known(stage: Stage) -> None:
    _ = stage.entitled
    stage.save(simple(stage.task, key=stage.key))
    for value in ("the first value", "the second value", "the third value"):
        stage.value = value
        stage.admin.put_secret(stage.secret, value)
        assert handed(stage, stage.author.start(stage.name))


# --- the memory itself --------------------------------------------------------------------------------------------------------


def allowed(tx: Transaction, known: Rights) -> bool:
    return isinstance(decide(WHO, Access.READ, SECRET, known.on(tx, WHO, SECRET)), Allowed)


async def write_grant(store: Store, *, give: bool, raises: bool = True) -> None:
    def within(tx: Transaction) -> None:
        if raises:
            tx.raise_epoch(WHO.group)
        fixed = {"project_id": DEFAULT, "subject": WHO.subject, "target_type": SECRET.kind, "target_id": SECRET.name, "access": "READ"}
        if give:
            tx.do("grant_insert", **fixed, granted_by="test", granted_at=0)
        else:
            tx.do("grant_delete", **fixed)

    await store.write(within)


@pytest.mark.anyio
async def test_a_change_counts_in_the_very_next_transaction(store: Store) -> None:
    known = Rights()
    ask = partial(allowed, known=known)
    for give in (False, True, False, True):
        await write_grant(store, give=give)
        assert [await store.write(ask) for _ in range(3)] == [give] * 3


@pytest.mark.anyio
async def test_it_is_the_epoch_that_makes_it_ask_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change that raises none is not seen: so this memory is used, and the epochs are what keeps it right."""
    known = Rights()
    await write_grant(store, give=True)
    assert await store.write(partial(allowed, known=known))
    await write_grant(store, give=False, raises=False)
    assert await store.write(partial(allowed, known=known))
    monkeypatch.setattr(rights, "numbers", lambda tx, names: (0,))
    await write_grant(store, give=False)
    fooled = Rights()
    await store.write(partial(allowed, known=fooled))
    await write_grant(store, give=True)
    assert not await store.write(partial(allowed, known=fooled))


@pytest.mark.anyio
async def test_what_an_undone_transaction_has_read_is_forgotten(store: Store) -> None:
    known = Rights()

    def within(tx: Transaction) -> None:
        tx.raise_epoch(WHO.group)
        tx.do(
            "grant_insert", project_id=DEFAULT, subject=WHO.subject, target_type=SECRET.kind, target_id=SECRET.name, access="READ",
            granted_by="test", granted_at=0,
        )  # fmt: skip
        assert allowed(tx, known)
        raise RuntimeError("undone")

    with pytest.raises(RuntimeError):
        await store.write(within)
    await write_grant(store, give=False)  # raises the epoch to the number that was undone
    assert not await store.write(partial(allowed, known=known))


@pytest.mark.anyio
async def test_a_transaction_that_only_reads_remembers_nothing(store: Store) -> None:
    known = Rights()
    for give in (True, False):
        await write_grant(store, give=give, raises=False)
        assert await store.scan(partial(allowed, known=known)) is give
