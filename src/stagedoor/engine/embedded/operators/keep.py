"""UPDATE_SECRET: its input `_secrets` names a secret and the value to put (contract/orkes.md B, end).

The value goes to the gate's door with the decision; the task that is stored holds `***` in its place.
"""

import msgspec

from stagedoor.engine.definition import Json, TaskNode
from stagedoor.engine.embedded.decision import KeepSecret, Performed
from stagedoor.engine.embedded.draft import Attempt, Draft, Place
from stagedoor.engine.run import Task
from stagedoor.kit.secretvalue import SecretValue

FIELD, KEY, VALUE = "_secrets", "secretKey", "secretValue"
MASK = "***"


def begin(draft: Draft, node: TaskNode, place: Place, attempt: Attempt) -> Task:
    task_id, now = draft.around.new_id(), draft.around.now
    given = draft.input(node, task_id)
    asked = given.get(FIELD)
    name, value = (asked.get(KEY), _text(asked.get(VALUE))) if isinstance(asked, dict) else (None, None)
    shown = {**given, FIELD: {KEY: name, VALUE: MASK}}
    task = draft.add(node, place, attempt, task_id=task_id, status="IN_PROGRESS", input_data=shown, start_time=now)
    if not isinstance(name, str) or not name or value is None:
        missing = KEY if not isinstance(name, str) or not name else VALUE
        return draft.finish(task, "FAILED_WITH_TERMINAL_ERROR", reason_for_incompletion=f"{FIELD}.{missing} is missing")
    draft.ask(KeepSecret(task_id=task_id, name=name, value=SecretValue(value)))
    return task


def performed(draft: Draft, node: TaskNode, task: Task, event: Performed) -> Task:
    if event.error is not None:
        return draft.finish(task, "FAILED_WITH_TERMINAL_ERROR", reason_for_incompletion=event.error)
    return draft.finish(task, "COMPLETED")


def _text(value: Json) -> str | None:
    """A text as it is, anything else as JSON, as a secret that has parts (`${workflow.secrets.NAME.path}`) is written."""
    if value is None or isinstance(value, str):
        return value
    try:
        return msgspec.json.encode(value).decode()
    except (UnicodeEncodeError, OverflowError, RecursionError):  # nothing that a secret can hold
        return None
