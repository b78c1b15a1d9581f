"""Saving, finding and removing definitions, and what a run keeps of them."""

from collections.abc import Mapping

import pytest

from stagedoor.engine.definition import TaskDefinition, TaskNode, WorkflowDefinition
from stagedoor.engine.port import Engine, Register, Revision, TaskRecord
from stagedoor.kit.errors import BadInput, Conflict, Forbidden, NotFound
from stagedoor.store import Transaction
from tests.engine.contract.parts import ADA, PROJECT, complete, ended, save, save_tasks, simple, start, take, unsealed, view, workflow

pytestmark = pytest.mark.anyio


async def test_a_definition_is_saved_and_found(engine: Engine) -> None:
    saved = await save(engine, workflow("w", simple("a"), description="first"))
    found = await engine.definition(PROJECT, "w")
    assert found == saved
    assert (found.definition.description, found.definition.created_by, found.saved_by) == ("first", ADA, ADA)
    assert found.definition.create_time == found.saved_at


async def test_an_existing_version_is_not_overwritten_by_accident(engine: Engine) -> None:
    await save(engine, workflow("w", simple("a"), description="first"))
    with pytest.raises(Conflict, match=r"w\.1"):
        await save(engine, workflow("w", simple("a"), description="second"))
    await save(engine, workflow("w", simple("a"), description="second"), saver="bob", overwrite=True)
    found = (await engine.definition(PROJECT, "w")).definition
    assert (found.description, found.created_by, found.updated_by) == ("second", ADA, "bob")


async def test_the_highest_version_is_the_latest(engine: Engine) -> None:
    for version in (1, 10, 2):
        await save(engine, workflow("w", simple("a"), version=version))
    await save(engine, workflow("v", simple("a")))
    assert (await engine.definition(PROJECT, "w")).definition.version == 10
    assert (await engine.definition(PROJECT, "w", 2)).definition.version == 2
    named = [(each.definition.name, each.definition.version) for each in await engine.definitions(PROJECT)]
    assert named == [("v", 1), ("w", 1), ("w", 2), ("w", 10)]
    latest = [(each.definition.name, each.definition.version) for each in await engine.definitions(PROJECT, latest=True)]
    assert latest == [("v", 1), ("w", 10)]
    assert len(await engine.definitions(PROJECT, name="w")) == 3


async def test_a_new_version_is_one_above_the_highest(engine: Engine) -> None:
    definition = workflow("w", simple("a"), version=1)
    for version in (1, 2, 3):
        request = Register(definition=definition, saver=ADA, prepare=unsealed(definition), new_version=True)
        assert (await engine.register(PROJECT, request)).definition.version == version


async def test_prepare_sees_what_was_there_and_what_it_gives_is_stored(engine: Engine) -> None:
    seen: list[tuple[str | None, str]] = []

    def prepare(tx: Transaction, previous: Revision | None, revision_id: str) -> WorkflowDefinition:
        seen.append((previous.revision_id if previous else None, revision_id))
        return workflow("w", simple("a"), description=f"sealed as {revision_id}", version=2 if previous else 1)

    first = await engine.register(PROJECT, Register(definition=workflow("w", simple("a")), saver=ADA, prepare=prepare))
    request = Register(definition=workflow("w", simple("a"), version=2), saver=ADA, prepare=prepare)
    second = await engine.register(PROJECT, request)
    assert seen == [(None, first.revision_id), (first.revision_id, second.revision_id)]
    assert (await engine.definition(PROJECT, "w")).definition.description == f"sealed as {second.revision_id}"


async def test_what_prepare_raises_undoes_the_save(engine: Engine) -> None:
    def prepare(tx: Transaction, previous: Revision | None, revision_id: str) -> WorkflowDefinition:
        raise Forbidden("missing: READ on SECRET_NAME x")

    with pytest.raises(Forbidden, match="READ on SECRET_NAME x"):
        await engine.register(PROJECT, Register(definition=workflow("w", simple("a")), saver=ADA, prepare=prepare))
    with pytest.raises(NotFound, match="w"):
        await engine.definition(PROJECT, "w")


async def test_what_cannot_be_run_is_not_saved(engine: Engine) -> None:
    with pytest.raises(BadInput, match="KAFKA_PUBLISH"):
        await save(engine, workflow("w", TaskNode(name="k", task_reference_name="k", type="KAFKA_PUBLISH")))


async def test_a_run_goes_on_with_the_revision_it_started_with(engine: Engine) -> None:
    old = await save(engine, workflow("w", simple("a"), output_parameters={"made by": "old"}))
    run = await start(engine, "w")
    new = await save(engine, workflow("w", simple("b"), output_parameters={"made by": "new"}), overwrite=True)
    await engine.unregister(PROJECT, "w", 1)
    with pytest.raises(NotFound):
        await start(engine, "w")
    with pytest.raises(NotFound):
        await engine.revision(PROJECT, new.revision_id)
    await complete(engine, await take(engine))
    seen = await ended(engine, run)
    assert (seen.run.output, seen.revision.revision_id) == ({"made by": "old"}, old.revision_id)
    await engine.remove(PROJECT, run)
    with pytest.raises(NotFound):
        await engine.definition(PROJECT, "w", 1)


async def test_a_hook_that_raises_keeps_the_definition(engine: Engine) -> None:
    def refuse(tx: Transaction, revision: Revision) -> None:
        raise Forbidden("no")

    await save(engine, workflow("w", simple("a")))
    with pytest.raises(Forbidden):
        await engine.unregister(PROJECT, "w", 1, refuse)
    assert await engine.definition(PROJECT, "w")
    with pytest.raises(NotFound, match="w version: 7"):
        await engine.unregister(PROJECT, "w", 7)


async def test_another_project_sees_nothing(engine: Engine) -> None:
    saved = await save(engine, workflow("w", simple("a")))
    run = await start(engine, "w")
    task = (await view(engine, run)).tasks[0]
    for ask in (
        engine.definition("other", "w"),
        engine.revision("other", saved.revision_id),
        engine.run("other", run),
        engine.task("other", task.task_id),
        engine.terminate("other", run),
        engine.unregister("other", "w", 1),
        engine.log("other", task.task_id, ["x"]),
        engine.logs("other", task.task_id),
    ):
        with pytest.raises(NotFound):
            await ask
    assert await engine.definitions("other") == []


async def test_task_definitions_keep_their_creator_and_tell_who_saved_them(engine: Engine) -> None:
    seen: list[set[str]] = []

    def within(tx: Transaction, before: Mapping[str, TaskRecord]) -> None:
        seen.append(set(before))

    await engine.save_task_definitions(PROJECT, [TaskDefinition(name="t"), TaskDefinition(name="u")], ADA, within)
    await engine.save_task_definitions(PROJECT, [TaskDefinition(name="t", retry_count=7)], "bob", within)
    record = await engine.task_definition(PROJECT, "t")
    assert (record.definition.retry_count, record.saved_by, record.definition.created_by) == (7, "bob", ADA)
    assert seen == [set(), {"t"}]
    assert [each.definition.name for each in await engine.task_definitions(PROJECT)] == ["t", "u"]


async def test_a_task_definition_is_removed(engine: Engine) -> None:
    await save_tasks(engine, TaskDefinition(name="t"))
    await engine.remove_task_definition(PROJECT, "t")
    for ask in (engine.task_definition(PROJECT, "t"), engine.remove_task_definition(PROJECT, "t")):
        with pytest.raises(NotFound, match="t"):
            await ask
