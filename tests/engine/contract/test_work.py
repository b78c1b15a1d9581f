"""Polling, reporting, logs and queues: what workers and the doors see."""

import asyncio

import pytest

from stagedoor.engine.definition import TaskDefinition, TaskNode
from stagedoor.engine.embedded.decision import Performed
from stagedoor.engine.port import Candidate, Deliver, Engine, Hold, Refuse, TaskUpdate, Verdict
from stagedoor.engine.run import Run, Task
from stagedoor.kit.errors import Forbidden, NotFound
from stagedoor.store import Transaction
from tests.engine.contract.parts import (
    PROJECT,
    OpenDoors,
    complete,
    ended,
    poll,
    save,
    save_tasks,
    simple,
    start,
    statuses,
    take,
    until,
    view,
    workflow,
)

pytestmark = pytest.mark.anyio


async def one_task(engine: Engine, **fields: object) -> str:
    await save(engine, workflow("w", simple("a", **fields)), overwrite=True)
    return await start(engine, "w")


async def test_a_lease_is_seen_on_the_task(engine: Engine) -> None:
    run = await one_task(engine)
    work = await take(engine, worker_id="w7")
    task = (await view(engine, run)).tasks[0]
    assert (task.status, task.worker_id, task.poll_count) == ("IN_PROGRESS", "w7", 1)
    assert task.start_time >= task.scheduled_time > 0
    assert work.task == task
    assert await poll(engine) == []


async def test_a_batch_is_as_long_as_asked_for(engine: Engine) -> None:
    await save(engine, workflow("w", simple("a")))
    runs = [await start(engine, "w", priority=number) for number in range(5)]
    first = await poll(engine, count=3)
    rest = await poll(engine, count=3)
    assert [work.run.workflow_id for work in first + rest] == list(reversed(runs))


async def test_a_poll_that_finds_nothing_waits_and_no_longer(engine: Engine) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await poll(engine, timeout_ms=300) == []
    assert 0.25 < loop.time() - began < 2


async def test_a_waiting_poll_is_woken_by_a_start(engine: Engine) -> None:
    await save(engine, workflow("w", simple("a")))
    waiting = asyncio.create_task(poll(engine, timeout_ms=20_000))
    await asyncio.sleep(0.1)
    began = asyncio.get_running_loop().time()
    run = await start(engine, "w")
    assert [work.run.workflow_id for work in await waiting] == [run]
    assert asyncio.get_running_loop().time() - began < 0.8


async def test_who_waited_is_authorised_again_before_anything_is_leased(engine: Engine) -> None:
    asked: list[bool] = []

    async def ready() -> None:
        asked.append(True)
        raise Forbidden("the key was paused")

    await save(engine, workflow("w", simple("a")))
    waiting = asyncio.create_task(poll(engine, timeout_ms=20_000, ready=ready))
    await asyncio.sleep(0.1)
    run = await start(engine, "w")
    with pytest.raises(Forbidden, match="paused"):
        await waiting
    assert asked == [True]
    assert (await view(engine, run)).tasks[0].status == "SCHEDULED"
    assert await take(engine)


async def test_a_poll_that_finds_something_at_once_does_not_ask_again(engine: Engine) -> None:
    async def ready() -> None:
        raise AssertionError("nobody waited")

    await one_task(engine)
    assert len(await poll(engine, ready=ready)) == 1


async def test_domains_are_queues_of_their_own(engine: Engine) -> None:
    await save(engine, workflow("w", simple("a")))
    await start(engine, "w", task_to_domain={"work": "blue"})
    assert await engine.queue_sizes(PROJECT, ["work", "blue:work"]) == {"work": 0, "blue:work": 1}
    assert await poll(engine) == []
    assert (await take(engine, domain="blue")).task.domain == "blue"


async def test_another_project_gets_no_task(engine: Engine) -> None:
    await one_task(engine)
    other = await engine.queue_sizes("other", ["work"])
    assert other == {"work": 0}


# ---- the doors
async def test_values_of_the_door_are_handed_out_and_never_stored(engine: Engine, doors: OpenDoors) -> None:
    def fill(candidate: Candidate, consumer: object) -> Verdict:
        task = candidate.task
        filled = {**task.input_data, "given": "pine needles"}
        opened = Task(**{name: getattr(task, name) for name in task.__struct_fields__} | {"input_data": filled})
        return Deliver(opened, {"tree": "pine needles"})

    doors.judge = fill
    run = await one_task(engine, input_parameters={"given": "#{stagedoor:1}"})
    work = await take(engine)
    assert (work.task.input_data, work.runtime_metadata) == ({"given": "pine needles"}, {"tree": "pine needles"})
    assert (await view(engine, run)).tasks[0].input_data == {"given": "#{stagedoor:1}"}
    await complete(engine, work)
    assert "pine needles" not in str(await view(engine, run))


async def test_a_held_task_stays_for_an_entitled_worker(engine: Engine, doors: OpenDoors) -> None:
    doors.judge = lambda candidate, consumer: Deliver(candidate.task) if consumer == "entitled" else Hold(f"held: {consumer} lacks READ")
    run = await one_task(engine)
    assert await poll(engine, consumer="bob", count=5) == []
    task = (await view(engine, run)).tasks[0]
    assert (task.status, task.poll_count, task.reason_for_incompletion) == ("SCHEDULED", 0, "held: bob lacks READ")
    work = await take(engine, consumer="entitled")
    task = (await view(engine, run)).tasks[0]
    assert (work.task.poll_count, task.reason_for_incompletion) == (1, None)


async def test_held_tasks_do_not_block_those_behind_them(engine: Engine, doors: OpenDoors) -> None:
    doors.judge = lambda candidate, consumer: Hold("held") if candidate.run.input["given"] == "secret" else Deliver(candidate.task)
    await save(engine, workflow("w", simple("a")))
    for _ in range(100):
        await start(engine, "w", input={"given": "secret"})
    free = [await start(engine, "w", input={"given": "plain"}) for _ in range(3)]
    found = await poll(engine, count=10)
    assert {work.run.workflow_id for work in found} == set(free)
    assert await poll(engine, count=10) == []
    assert await engine.queue_sizes(PROJECT, ["work"]) == {"work": 100}


async def test_a_poll_that_waits_does_not_judge_held_tasks_over_and_over(engine: Engine, doors: OpenDoors) -> None:
    doors.judge = lambda candidate, consumer: Hold("held")
    await one_task(engine)
    await poll(engine, timeout_ms=500)
    assert len(doors.judged) <= 3


async def test_a_refused_task_fails_for_good(engine: Engine, doors: OpenDoors) -> None:
    doors.judge = lambda candidate, consumer: Refuse("the voucher may not READ SECRET_NAME x")
    await save_tasks(engine, TaskDefinition(name="work", retry_count=5, retry_delay_seconds=0))
    run = await one_task(engine)
    assert await poll(engine) == []
    seen = await view(engine, run)
    assert (seen.run.status, seen.tasks[0].status) == ("FAILED", "FAILED_WITH_TERMINAL_ERROR")
    assert seen.tasks[0].reason_for_incompletion == "the voucher may not READ SECRET_NAME x"
    assert len(seen.tasks) == 1


async def test_what_comes_back_is_cleaned_before_it_is_stored(engine: Engine, doors: OpenDoors) -> None:
    run = await one_task(engine)
    work = await take(engine)
    doors.hidden.append("needles")
    await engine.log(PROJECT, work.task.task_id, ["found needles"])
    report = TaskUpdate(
        task_id=work.task.task_id,
        status="FAILED_WITH_TERMINAL_ERROR",
        output={"x": ["needles"]},
        reason="no needles",
        worker_id="needles",
        logs=["more needles"],
    )
    await engine.update(PROJECT, report)
    assert [line.log for line in await engine.logs(PROJECT, work.task.task_id)] == ["found ***", "more ***"]
    seen = await view(engine, run)
    assert seen.tasks[0].output_data == {"x": ["***"]}
    assert "needles" not in str(seen)


# ---- reports
async def test_a_late_report_changes_nothing(engine: Engine) -> None:
    run = await one_task(engine)
    work = await take(engine)
    await complete(engine, work, x=1)
    before = await view(engine, run)
    told = await engine.update(PROJECT, TaskUpdate(task_id=work.task.task_id, status="FAILED", output={"x": 2}))
    assert told.ignored
    assert await view(engine, run) == before


async def test_a_report_for_the_wrong_run_is_refused(engine: Engine) -> None:
    await one_task(engine)
    work = await take(engine)
    with pytest.raises(NotFound):
        await engine.update(PROJECT, TaskUpdate(task_id=work.task.task_id, run_id="another", status="COMPLETED"))


async def test_a_hook_of_a_report_may_refuse_it(engine: Engine) -> None:
    def refuse(tx: Transaction, run: Run, task: Task) -> None:
        raise Forbidden(task.task_def_name)

    run = await one_task(engine)
    work = await take(engine)
    with pytest.raises(Forbidden, match="work"):
        await engine.update(PROJECT, TaskUpdate(task_id=work.task.task_id, status="COMPLETED"), refuse)
    assert (await view(engine, run)).tasks[0].status == "IN_PROGRESS"


async def test_in_progress_puts_the_task_back_after_the_callback_time(engine: Engine) -> None:
    await one_task(engine)
    work = await take(engine)
    await engine.update(PROJECT, TaskUpdate(task_id=work.task.task_id, status="IN_PROGRESS", output={"x": 1}, callback_after_seconds=1))
    assert await poll(engine) == []
    again = await take(engine)
    assert (again.task.task_id, again.task.poll_count, again.task.output_data) == (work.task.task_id, 2, {"x": 1})


async def test_extending_a_lease_keeps_the_task_with_its_worker(engine: Engine) -> None:
    run = await one_task(engine)
    work = await take(engine)
    await asyncio.sleep(0.01)
    await engine.extend(PROJECT, work.task.task_id)
    task = (await view(engine, run)).tasks[0]
    assert task.status == "IN_PROGRESS"
    assert task.update_time > work.task.update_time
    assert await poll(engine) == []


async def test_a_task_is_found_by_its_id_and_its_reference(engine: Engine) -> None:
    run = await one_task(engine)
    by_reference = await engine.task_by_reference(PROJECT, run, "a")
    by_id = await engine.task(PROJECT, by_reference.task.task_id)
    assert by_id == by_reference
    with pytest.raises(NotFound, match="nothing"):
        await engine.task_by_reference(PROJECT, run, "nothing")
    for ask in (engine.task(PROJECT, "nobody"), engine.log(PROJECT, "nobody", ["x"]), engine.logs(PROJECT, "nobody")):
        with pytest.raises(NotFound, match="nobody"):
            await ask


async def test_log_lines_keep_their_order_and_text(engine: Engine) -> None:
    await one_task(engine)
    work = await take(engine)
    lines = ["one", "", "two\nlines", "nul \0", "lone \ud800", "ä"]
    await engine.log(PROJECT, work.task.task_id, lines)
    await engine.log(PROJECT, work.task.task_id, ["last"])
    found = [line.log for line in await engine.logs(PROJECT, work.task.task_id)]
    assert found[:3] + found[5:] == ["one", "", "two\nlines", "ä", "last"]


# ---- the engine's own tasks
async def test_an_http_task_goes_through_the_egress_door(engine: Engine, doors: OpenDoors) -> None:
    sent: list[Candidate] = []

    async def answer(candidate: Candidate) -> Performed:
        sent.append(candidate)
        return Performed(task_id=candidate.task.task_id, value={"response": {"body": "the needles", "statusCode": 200}})

    doors.answer, doors.hidden = answer, ["needles"]
    node = TaskNode(name="h", task_reference_name="h", type="HTTP", input_parameters={"http_request": {"uri": "https://example.com"}})
    await save(engine, workflow("w", node))
    seen = await ended(engine, await start(engine, "w"))
    assert (seen.run.status, seen.tasks[0].output_data["response"]["body"]) == ("COMPLETED", "the ***")
    assert (sent[0].task.task_id, sent[0].revision) == (seen.tasks[0].task_id, seen.revision)


async def test_a_request_that_fails_fails_its_task(engine: Engine, doors: OpenDoors) -> None:
    async def answer(candidate: Candidate) -> Performed:
        if candidate.task.reference_task_name == "broken":
            raise RuntimeError("the needles must not be seen")
        return Performed(task_id=candidate.task.task_id, error="502 Bad Gateway", value={"response": {"statusCode": 502}})

    doors.answer = answer
    for reference, reason in (("refused", "502 Bad Gateway"), ("broken", "the request could not be made")):
        node = TaskNode(name="h", task_reference_name=reference, type="HTTP", input_parameters={"uri": "https://example.com"})
        await save(engine, workflow(reference, node))
        seen = await ended(engine, await start(engine, reference))
        assert (seen.run.status, seen.tasks[0].reason_for_incompletion) == ("FAILED", reason)


async def test_a_terminated_run_takes_no_late_answer(engine: Engine, doors: OpenDoors) -> None:
    asked, told = asyncio.Event(), asyncio.Event()

    async def answer(candidate: Candidate) -> Performed:
        asked.set()
        await told.wait()
        return Performed(task_id=candidate.task.task_id, value={"late": True})

    doors.answer = answer
    node = TaskNode(name="h", task_reference_name="h", type="HTTP", input_parameters={"uri": "https://example.com"})
    await save(engine, workflow("w", node))
    run = await start(engine, "w")
    await asked.wait()
    await engine.terminate(PROJECT, run)
    before = await view(engine, run)
    told.set()
    await asyncio.sleep(0.2)
    assert await view(engine, run) == before
    assert statuses(before) == [("h", "CANCELED")]


async def test_scripts_decide_and_compute(scripted: Engine) -> None:
    inline = {"evaluatorType": "javascript", "expression": "$.n * 2", "n": "${workflow.input.given}"}
    tasks = (
        TaskNode(name="i", task_reference_name="i", type="INLINE", input_parameters=inline),
        TaskNode(
            name="s",
            task_reference_name="s",
            type="SWITCH",
            evaluator_type="javascript",
            expression="$.n > 10 ? 'big' : 'small'",
            input_parameters={"n": "${i.output.result}"},
            decision_cases={"big": [simple("a", "big")], "small": [simple("b", "small")]},
        ),
    )
    await save(scripted, workflow("w", *tasks))
    await start(scripted, "w", input={"given": 21})
    assert (await take(scripted, "big")).task.reference_task_name == "a"


async def test_a_script_that_fails_fails_its_task(scripted: Engine) -> None:
    inline = {"evaluatorType": "javascript", "expression": "throw new Error('wrong')"}
    await save(scripted, workflow("w", TaskNode(name="i", task_reference_name="i", type="INLINE", input_parameters=inline)))
    seen = await ended(scripted, await start(scripted, "w"))
    assert seen.run.status == "FAILED"
    assert "wrong" in (seen.tasks[0].reason_for_incompletion or "")


async def test_a_wait_ends_by_itself(engine: Engine) -> None:
    node = TaskNode(name="p", task_reference_name="p", type="WAIT", input_parameters={"duration": "1 s"})
    await save(engine, workflow("w", node))
    run = await start(engine, "w")
    assert (await view(engine, run)).tasks[0].status == "IN_PROGRESS"
    assert (await ended(engine, run)).run.status == "COMPLETED"


async def test_health_tells_that_it_works(engine: Engine) -> None:
    assert (await engine.health())["healthy"] is True
    assert await until(lambda: engine.health())
