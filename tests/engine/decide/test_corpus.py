"""The corpus: every definition runs to an end with obliging workers, or is refused by name; the post office's exactly as expected."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from stagedoor.engine.definition import Json, WorkflowDefinition, nodes
from stagedoor.engine.embedded.decision import Evaluate, Event, Performed, Send, Terminated
from stagedoor.engine.operators import is_refused
from stagedoor.engine.run import Task
from stagedoor.engine.validate import validate
from stagedoor.kit.errors import BadInput
from tests.engine.decide.driver import Job, Play, StillRunning, evaluate, obliging

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif("STAGEDOOR_CORPUS" not in os.environ, reason="the corpus was not given (STAGEDOOR_CORPUS)"),
]
CORPUS = Path(os.environ.get("STAGEDOOR_CORPUS", "/nonexistent"))
ENDLESS = {"shopping_cart--shopping_cart_1", "document_approvals--review_approval"}
"""Their loops look at the text of an expression, or at a task that is not there: they run until somebody ends them."""


def definitions() -> Iterator[Path]:
    for path in sorted(CORPUS.glob("definitions/**/*.json")):
        body = json.loads(path.read_bytes())
        if isinstance(body, dict) and "name" in body and "tasks" in body:
            yield path


def read(path: Path) -> WorkflowDefinition:
    return msgspec.json.decode(path.read_bytes(), type=WorkflowDefinition)


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in definitions()])
def test_every_definition_ends_or_is_refused_by_name(path: Path) -> None:
    workflow = read(path)
    refused = [node for node in nodes(workflow.tasks) if is_refused(node.type)]
    if refused:
        with pytest.raises(BadInput, match=refused[0].type):
            validate(workflow)
        return
    validate(workflow)
    play = Play(workflow, {"loop": 2, "loop2": 2, "list": [1, 2], "max_iterations": 4, "subwf": "child"}).start()
    if path.stem in ENDLESS:
        play_on(play, most=5)
        assert play.run.status == "RUNNING"
        play.send(Terminated())
    else:
        play_on(play, most=60)
    assert play.run.end_time, play.statuses()


def play_on(play: Play, most: int) -> None:
    """Up to `most` times: workers and scripts answer until nothing is left to answer, then those outside do."""
    for _ in range(most):
        with contextlib.suppress(StillRunning):
            play.settle(most=50)
        for task in list(play.tasks.values()):
            if task.status == "IN_PROGRESS" and task.task_type in ("WAIT", "HUMAN", "HTTP"):
                play.update(task.reference_task_name)


def test_the_corpus_is_not_empty() -> None:
    assert len(list(definitions())) > 80


def cases() -> Iterator[object]:
    for name in ("postage_rate", "check_address"):
        path = CORPUS / "expected" / f"{name}.json"
        for case in json.loads(path.read_bytes())["cases"] if path.exists() else []:
            yield pytest.param(name, case, id=f"{name}: {case['name']}")


@pytest.mark.parametrize(("name", "case"), list(cases()))
def test_the_post_office_answers_exactly(name: str, case: dict[str, Json]) -> None:
    answer = case["answer"]
    headers = {key: [value] for key, value in answer["headers"].items()}

    def reply(job: Job, task: Task) -> Event:
        if isinstance(job, Send):
            asked = task.input_data["http_request"]["uri"]
            assert case.get("request_contains", "") in asked
            assert "USERID=${workflow.secrets.post_office_username}>" in asked
            return Performed(task_id=task.task_id, value={"response": {"statusCode": 200, "headers": headers, "body": answer["body"]}})
        return evaluate(job) if isinstance(job, Evaluate) else obliging(job, task)

    play = Play(read(CORPUS / "definitions" / "conductor-examples" / f"{name}.json"), case["input"]).start().settle(reply)
    assert (play.run.status, play.run.output) == (case["status"], case["output"])
