"""What Stagedoor itself stores of others' texts: definitions, executions with their tasks and logs, environment variables."""

import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from stagedoor.bootstrap import Core
from stagedoor.cli.scan_places import Place
from stagedoor.store.store import Row, Transaction

PAGE = 100
NAMED = (("stored_revisions", "definition"), ("stored_task_definitions", "task definition"), ("stored_variables", "environment variable"))


async def stored(core: Core) -> AsyncIterator[Place]:
    """Every text of every project, a page at a time: executions go on meanwhile."""
    for project in await core.store.scan(core.projects.all):
        for statement, word in NAMED:
            last = ""
            while rows := await core.store.scan(partial(_page, statement=statement, project_id=project.id, last=last)):
                for row in rows:
                    yield _place(f"{word} {row['id']}", project.id, row["body"])
                last = rows[-1]["id"]
        at, last = -1, ""
        while rows := await core.store.scan(partial(_page, statement="stored_runs", project_id=project.id, last=last, at=at)):
            for row in rows:
                yield _place(f"execution {row['id']} input", project.id, row["input"])
                yield _place(f"execution {row['id']}", project.id, row["body"])
                for place in await core.store.scan(partial(_tasks, run_id=row["id"], project=project.id)):
                    yield place
            at, last = rows[-1]["created_at"], rows[-1]["id"]


def _page(tx: Transaction, statement: str, **given: Any) -> list[Row]:
    return tx.all(statement, size=PAGE, **given)


def _tasks(tx: Transaction, run_id: str, project: str) -> list[Place]:
    found = []
    for row in tx.all("task_of_run", run_id=run_id):
        task = json.loads(row["body"])
        name, task_id = f"execution {run_id} task {task['referenceTaskName']}", task["taskId"]
        found.append(_place(name, project, row["body"]))
        found += [_place(f"{name} log", project, line["log"]) for line in tx.all("task_log_list", task_id=task_id)]
    return found


def _place(name: str, project: str, text: str) -> Place:
    """Found by where it stands in the JSON, not by a line: all of it is one."""
    data = text.encode("utf-8", "surrogatepass")
    return Place(f"{name} (project {project})", lambda: iter((data,)), lines=False, within=partial(pointer, text))


def pointer(text: str, secret: str) -> str:
    """The JSON pointer (RFC 6901) of the first text in a document that holds it; '' where it is no document."""
    try:
        return _pointer(json.loads(text), secret, "")
    except (ValueError, RecursionError):
        return ""


def _pointer(value: Any, secret: str, at: str) -> str:
    if isinstance(value, str):
        return at if secret in value else ""
    named = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in named:
        here = f"{at}/{str(name).replace('~', '~0').replace('/', '~1')}"
        if found := (here if secret in str(name) else _pointer(inner, secret, here)):
            return found
    return ""
