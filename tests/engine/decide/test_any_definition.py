"""Random definitions, random answers: every run ends, the same way each time, and is never stuck on the way."""

import random
from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stagedoor.engine.definition import Json, TaskDefinition
from stagedoor.engine.embedded.decide import decide
from stagedoor.engine.embedded.decision import (
    ChildEnded,
    Due,
    Enqueue,
    Evaluate,
    Event,
    Performed,
    Send,
    StartChild,
    TaskUpdated,
)
from stagedoor.engine.run import RUN_TERMINAL, Task
from stagedoor.engine.validate import validate
from tests.engine.decide.driver import Job, Play, definition, node

Nodes = list[dict[str, Json]]
MANNERS: Sequence[dict[str, Json]] = ({}, {}, {}, {"optional": True}, {"permissive": True}, {"retryCount": 1})


class Maker:
    """Draws a definition; counts the names so that each is used once."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.count = 0

    def name(self) -> str:
        self.count += 1
        return f"t{self.count}"

    def sequence(self, depth: int, least: int = 0) -> Nodes:
        made: Nodes = []
        for _ in range(self.chance.randint(least, 3)):
            made += self.tasks(depth)
        return made

    def tasks(self, depth: int) -> Nodes:
        kinds = [self.simple, self.simple, self.called, self.valued, self.scripted, self.waiting]
        kinds += [self.switch, self.fork, self.loop] if depth > 0 else []
        return self.chance.choice(kinds)(depth)

    def manner(self) -> dict[str, Json]:
        return dict(self.chance.choice(MANNERS))

    def simple(self, depth: int) -> Nodes:
        seen = f"${{t{self.chance.randint(1, 9)}.output.x}}"
        return [node(self.name(), self.chance.choice(["SIMPLE", "USER_TASK"]), input={"seen": seen, "text": f"<{seen}>"}, **self.manner())]

    def called(self, depth: int) -> Nodes:
        if self.chance.random() < 0.5:
            return [node(self.name(), "HTTP", asyncComplete=self.chance.random() < 0.3, **self.manner())]
        return [node(self.name(), "SUB_WORKFLOW", subWorkflowParam={"name": "child"}, **self.manner())]

    def valued(self, depth: int) -> Nodes:
        if self.chance.random() < 0.05:
            return [node(self.name(), "TERMINATE", input={"terminationStatus": self.chance.choice(["COMPLETED", "FAILED", "TERMINATED"])})]
        kind = self.chance.choice(["NOOP", "SET_VARIABLE"])
        return [node(self.name(), kind, input={"v": "${workflow.variables}"} if self.chance.random() < 0.1 else {})]

    def scripted(self, depth: int) -> Nodes:
        kind, key = self.chance.choice([("INLINE", "expression"), ("LAMBDA", "scriptExpression"), ("JSON_JQ_TRANSFORM", "queryExpression")])
        return [node(self.name(), kind, input={key: "1"}, **self.manner())]

    def waiting(self, depth: int) -> Nodes:
        given = self.chance.choice([{}, {"duration": "5s"}, {"duration": "${workflow.input.list}"}])
        return [node(self.name(), self.chance.choice(["WAIT", "HUMAN"]), input=given, **self.manner())]

    def switch(self, depth: int) -> Nodes:
        cases = {"yes": self.sequence(depth - 1), "no": self.sequence(depth - 1)}
        how = self.chance.choice([{"evaluatorType": "javascript", "expression": "x"}, {"evaluatorType": "value-param", "expression": "v"}])
        return [node(self.name(), "SWITCH", decisionCases=cases, defaultCase=self.sequence(depth - 1), input={"v": "yes"}, **how)]

    def fork(self, depth: int) -> Nodes:
        branches = [self.sequence(depth - 1, 1) for _ in range(self.chance.randint(1, 3))]
        joined = [branch[-1]["taskReferenceName"] for branch in branches if self.chance.random() < 0.8]
        return [node(self.name(), "FORK_JOIN", forkTasks=branches), node(self.name(), "JOIN", joinOn=joined, **self.manner())]

    def loop(self, depth: int) -> Nodes:
        how = self.chance.choice([{"loopCondition": "x"}, {"items": "${workflow.input.list}"}, {"loopCondition": ""}])
        return [node(self.name(), "DO_WHILE", loopOver=self.sequence(depth - 1, 1), **how)]


def answer(chance: random.Random, job: Job, task: Task) -> Event:
    """One of the things that may happen next to this task."""
    fails = chance.random() < 0.15
    match job:
        case Enqueue():
            status = chance.choice(["FAILED", "FAILED_WITH_TERMINAL_ERROR", "IN_PROGRESS", "CANCELED"]) if fails else "COMPLETED"
            return TaskUpdated(task_id=task.task_id, status=status, output={"x": chance.choice([1, "a", [1], None, {"b": 2}])}, reason="r")
        case Evaluate() | Send():
            value = chance.choice(["yes", "no", 0, 1, None, False, {"response": 1}])
            return Performed(task_id=task.task_id, value=value, error="r" if fails else None, terminal=chance.random() < 0.5)
        case StartChild():
            status = chance.choice(["FAILED", "TERMINATED", "TIMED_OUT"]) if fails else "COMPLETED"
            return ChildEnded(task_id=task.task_id, child_id=job.child_id, status=status, reason="r")


def act(play: Play, chance: random.Random) -> None:
    """Something happens: a job is answered (or its worker falls silent), somebody outside acts, or time passes."""
    outside = [task for task in play.tasks.values() if task.status == "IN_PROGRESS" and task.task_id not in play.jobs]
    outside = [task for task in outside if task.task_type in ("WAIT", "HUMAN", "HTTP")]
    if play.jobs and (chance.random() < 0.8 or not outside):
        task_id, job = chance.choice(list(play.jobs.items()))
        play.now = max(play.now, getattr(job, "due", 0))
        if isinstance(job, Enqueue) and chance.random() < 0.5:
            play.lease(play.tasks[task_id].reference_task_name)
        play.jobs.pop(task_id, None)
        play.send(answer(chance, job, play.tasks[task_id]))
    elif outside:
        play.send(TaskUpdated(task_id=chance.choice(outside).task_id, status="COMPLETED"))
    else:
        assert play.run.next_check, "nothing can happen any more"
        play.now = max(play.now, play.run.next_check)
        play.send(Due())


def play_out(seed: int) -> Play:
    chance = random.Random(seed)
    workflow = definition(*Maker(chance).sequence(3, 1), outputParameters={"o": "${t1.output}"}, failureWorkflow="undo")
    validate(workflow)
    rules = [TaskDefinition(name="t1", retry_count=1, timeout_policy="RETRY", total_timeout_seconds=1000)]
    play = Play(workflow, {"list": [1, 2]}, task_definitions=rules).start()
    for _ in range(3000):
        if play.run.status in RUN_TERMINAL:
            return play
        act(play, chance)
    raise AssertionError("the run does not end")


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32))
def test_every_run_ends_the_same_way_each_time(seed: int) -> None:
    play = play_out(seed)
    assert play.log == play_out(seed).log
    assert decide(play.definition, play.run, list(play.tasks.values()), Due(), play.around) == []


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_a_due_that_comes_early_or_twice_changes_nothing(seed: int) -> None:
    chance = random.Random(seed)
    play = Play(definition(*Maker(chance).sequence(2, 1)), {"list": [1]}).start()
    for _ in range(5):
        if play.run.status in RUN_TERMINAL:
            return
        if not 0 < play.run.next_check <= play.now:
            assert play.send(Due()) == []
        if not play.jobs:
            return
        act(play, chance)
