"""What reads of an execution do not show (contract/orkes.md B, end; docs/decisions/0024-environment-and-masking.md): whatever stands
under `_secrets`, `_masked` or a name of `maskedFields`, at any depth, the same texts elsewhere in that run, and the values that an
UPDATE_SECRET of its tree has put. What is stored stays as it is: tasks and workers need it.
"""

import asyncio
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from stagedoor.core.project import Erased
from stagedoor.core.secret import Destroyed, Secrets
from stagedoor.engine.definition import Json, WorkflowDefinition
from stagedoor.engine.port import Revision, RunView
from stagedoor.engine.run import Run, Task
from stagedoor.gate.doors import MASKS_EVERYTHING, parts_of
from stagedoor.gate.redaction import MASK, SHORTEST, Redactor
from stagedoor.kit import strictjson
from stagedoor.kit.crypto import SealBroken
from stagedoor.store.store import Transaction

T = TypeVar("T")
KEYS = frozenset({"_secrets", "_masked"})
NAME_FIELD = "secretKey"
"""Names a secret, in an UPDATE_SECRET task, and is none."""
MOST_TEXTS = 500
FEW_NAMES = 20
LONGEST_TEXT = 65_535
"""Of what stands under such names, so many texts, of so many bytes at most, are looked for elsewhere."""
_DATA = ("inputParameters", "outputParameters", "inputTemplate", "variables")
_EXPRESSION = re.compile(r"\$\{[^{}]*\}")


def names_of(run: Run, revision: Revision) -> frozenset[str]:
    """The names under which this run's data is not shown."""
    return KEYS.union(run.masked_fields, revision.definition.masked_fields)


def mentions(revision: Revision) -> bool:
    """Whether a definition itself names what is to be masked, and so may carry it from one place to another."""
    written = strictjson.encode(revision.definition)
    return bool(revision.definition.masked_fields) or any(key.encode() in written for key in KEYS)


@dataclass(frozen=True)
class Mask:
    """What one run's reads are shown through."""

    names: frozenset[str]
    redactor: Redactor
    looks_for: int

    @classmethod
    def of(cls, run: Run, revision: Revision, tasks: Sequence[Task], kept: Sequence[str] | None) -> "Mask":
        """`tasks`: those whose masked texts are looked for elsewhere as well. `kept`: as of `kept_in`."""
        names = names_of(run, revision)
        if kept is None:
            return cls(names, MASKS_EVERYTHING, 1)
        given = (*_data(run), *(one for task in tasks for one in _data(task)))
        texts = dict.fromkeys(text for value in given if _may_hold(value, names) for text in _under(value, names))
        values = [*kept, *list(texts)[:MOST_TEXTS]]
        return cls(names, Redactor(values), len(values))

    def view(self, view: RunView) -> RunView:
        return RunView(self.run(view.run), [self.task(task) for task in view.tasks], self.revision(view.revision))

    def run(self, run: Run) -> Run:
        given, output, variables = map(self.data, _data(run))
        texts = {field: self.data(getattr(run, field)) for field in ("reason_for_incompletion", "correlation_id", "idempotency_key")}
        return msgspec.structs.replace(run, input=given, output=output, variables=variables, **texts)

    def task(self, task: Task) -> Task:
        given, output = map(self.data, _data(task))
        reason = self.data(task.reason_for_incompletion)
        return msgspec.structs.replace(task, input_data=given, output_data=output, reason_for_incompletion=reason)

    def revision(self, revision: Revision) -> Revision:
        """The definition as an execution shows it: what stands literally under such a name is masked, an expression is not."""
        if not mentions(revision):
            return revision
        shown = msgspec.convert(self._written(msgspec.to_builtins(revision.definition)), WorkflowDefinition)
        return replace(revision, definition=shown)

    def data(self, value: Json) -> Json:
        return self.redactor.clean(_masked(value, self.names) if _may_hold(value, self.names) else value)

    def lines(self, texts: Sequence[str]) -> list[str]:
        """The lines of a log, which together may hold a text that none of them holds."""
        return self.redactor.clean_lines(texts)

    async def through(self, show: Callable[[], T]) -> T:
        """What `show` makes; beside the loop where there are values to look for, which takes its time."""
        return await asyncio.to_thread(show) if self.looks_for else show()

    def _written(self, value: Json) -> Json:
        if isinstance(value, dict):
            return {key: _literals(member, self.names) if key in _DATA else self._written(member) for key, member in value.items()}
        return [self._written(member) for member in value] if isinstance(value, list) else value


def kept_in(tx: Transaction, secrets: Secrets, run: Run) -> list[str] | None:
    """The values that UPDATE_SECRET tasks of the run's tree have put, and the texts in those that are JSON. None: one of them is gone
    for ever, so that nobody can tell where it still stands."""
    found: list[str] = []
    for row in tx.all("versions_kept", root_id=run.root_id or run.workflow_id):
        try:
            found += parts_of(secrets.open_version(tx, run.project_id, row["secret_id"], row["version"]).reveal())
        except (Destroyed, Erased, SealBroken):
            return None
    return found


def _data(value: Run | Task) -> tuple[Json, ...]:
    if isinstance(value, Task):
        return value.input_data, value.output_data
    return value.input, value.output, value.variables


def _may_hold(value: Json, names: Collection[str]) -> bool:
    """Quicker than a walk, for a few names: in JSON text a plain one is spelled as it is."""
    if not isinstance(value, dict | list) or len(names) > FEW_NAMES:
        return isinstance(value, dict | list)
    text = strictjson.encode(value)
    return any(not (name.isascii() and name.isidentifier()) or f'"{name}"'.encode() in text for name in names)


def _masked(value: Json, names: Collection[str]) -> Json:
    if isinstance(value, dict):
        return {key: MASK if key in names else _masked(member, names) for key, member in value.items()}
    return [_masked(member, names) for member in value] if isinstance(value, list) else value


def _under(value: Json, names: Collection[str], inside: bool = False) -> Iterator[str]:
    """The texts under these names that are long enough to be looked for."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _under(member, names, key in names or (inside and key != NAME_FIELD))
    elif isinstance(value, list):
        for member in value:
            yield from _under(member, names, inside)
    elif inside and value != MASK and isinstance(value, str | int | float) and not isinstance(value, bool):
        text = str(value)
        if SHORTEST <= len(text.encode(errors="replace")) <= LONGEST_TEXT:
            yield text


def _literals(value: Json, names: Collection[str], inside: bool = False) -> Json:
    if isinstance(value, dict):
        return {key: _literals(member, names, key in names or (inside and key != NAME_FIELD)) for key, member in value.items()}
    if isinstance(value, list):
        return [_literals(member, names, inside) for member in value]
    return MASK if inside and value is not None and not (isinstance(value, str) and _EXPRESSION.fullmatch(value)) else value
