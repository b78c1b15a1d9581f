"""Runs and tasks as rows, and back. JSON is written by msgspec; text with lone surrogates, which it refuses, by the slower way."""

import json
from typing import Any, TypeVar

import msgspec

from stagedoor.engine.definition import Json, TaskDefinition, WorkflowDefinition
from stagedoor.engine.run import Run, Task
from stagedoor.store.store import Row, Transaction

S = TypeVar("S", bound=msgspec.Struct)
LATEST = 2**53
"""No moment is later (epoch ms): delays that double with each attempt would outgrow a column."""

_write = msgspec.json.Encoder().encode
_readers: dict[type, msgspec.json.Decoder[Any]] = {
    each: msgspec.json.Decoder(each) for each in (Run, Task, WorkflowDefinition, TaskDefinition)
}
_read_any = msgspec.json.Decoder().decode


def pack(value: Json | msgspec.Struct) -> str:
    """JSON text of a value or struct."""
    try:
        return _write(value).decode()
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(value), allow_nan=False)


def unpack(kind: type[S], text: str) -> S:
    """The struct that `pack` wrote."""
    try:
        found: S = _readers[kind].decode(text)
    except msgspec.DecodeError:
        found = msgspec.convert(json.loads(text), kind)
    return found


def unpack_json(text: str) -> Json:
    """The value that `pack` wrote."""
    try:
        return _read_any(text)
    except msgspec.DecodeError:
        return json.loads(text)


def run_from(row: Row) -> Run:
    """A run of its row: `input`, `name_id` and `next_check` live in columns of their own."""
    given = {"input": unpack_json(row["input"]), "name_id": row["name_id"], "next_check": row["next_check"]}
    return msgspec.structs.replace(unpack(Run, row["body"]), **given)


def load_run(tx: Transaction, run_id: str, statement: str = "run_by_id") -> Run | None:
    row = tx.one(statement, run_id=run_id)
    return run_from(row) if row else None


def add_run(tx: Transaction, run: Run) -> None:
    tx.do(
        "run_add",
        run_id=run.workflow_id,
        project_id=run.project_id,
        name=run.workflow_name,
        name_id=run.name_id,
        version=run.workflow_version,
        revision_id=run.revision_id,
        status=run.status,
        correlation_id=run.correlation_id,
        created_at=run.create_time,
        next_check=min(run.next_check, LATEST),
        input=pack(run.input),
        body=_body(run),
    )


def put_run(tx: Transaction, run: Run) -> None:
    tx.do("run_put", run_id=run.workflow_id, status=run.status, next_check=min(run.next_check, LATEST), body=_body(run))


def load_tasks(tx: Transaction, run_id: str) -> list[Task]:
    return [unpack(Task, row["body"]) for row in tx.all("task_of_run", run_id=run_id)]


def put_task(tx: Transaction, task: Task) -> None:
    tx.do("task_put", task_id=task.task_id, run_id=task.workflow_instance_id, seq=task.seq, body=pack(task))


def _body(run: Run) -> str:
    return pack(msgspec.structs.replace(run, input={}, name_id="", next_check=0))
