"""Opening markers: the values of the secrets a task names, put into a copy of its input, with a receipt and an audit row for each."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from stagedoor.core import receipt
from stagedoor.core.audit import Audit
from stagedoor.core.external import Wanted
from stagedoor.core.marker import Marker, markers_of_task
from stagedoor.core.permission import Access
from stagedoor.core.principal import Principal
from stagedoor.core.project import Erased
from stagedoor.core.receipt import Destination, Place, Receipt
from stagedoor.core.secret import KIND, Handed, HeldByEndUsers, Opened, Secrets
from stagedoor.engine.definition import Json, TaskNode, nodes
from stagedoor.engine.port import Candidate, TaskView
from stagedoor.gate.conditions import Refusal, Sending, task_type_of
from stagedoor.gate.connected import Connected
from stagedoor.gate.sealing import holds_marker, spell_out
from stagedoor.gate.stores import Failed, Stores
from stagedoor.kit import strictjson
from stagedoor.kit.clock import Clock
from stagedoor.kit.crypto import SealBroken
from stagedoor.kit.errors import BadInput
from stagedoor.kit.template import MARKER, Reference
from stagedoor.store.store import Transaction

ITERATION = re.compile(r"__\d+$")
STEP = re.compile(r"""\.?([^.\[\]]+)|\[([0-9]+)\]|\['([^']*)'\]|\["([^"]*)"\]""")


class Filled(msgspec.Struct, frozen=True):
    """A task's input with secret values in it, and which they are: never stored, never shown."""

    input: dict[str, Json]
    opened: list[Opened]
    markers: Sequence[Marker]
    """What each of `opened` was opened for."""

    def __repr__(self) -> str:
        return "Filled(***)"


@dataclass(frozen=True, slots=True)
class Missing:
    """Values that live in external stores and must be fetched first; nothing was opened."""

    wanted: tuple[Wanted, ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """Where a request goes, and the markers whose vouchers may use the secret without seeing it."""

    sending: Sending
    only_executing: frozenset[str]


@dataclass(frozen=True)
class Opening:
    secrets: Secrets
    audit: Audit
    clock: Clock
    stores: Stores
    fields: Connected

    def open(self, tx: Transaction, candidate: Candidate, markers: Sequence[Marker], *, again: bool = True) -> Filled | Refusal | Missing:
        """The input with the values in it. A path that leads nowhere in a secret's JSON is a refusal, and so is a store that fails.

        `again`: the task may have been handed values before; it keeps those versions (docs/decisions/0023-versions-and-expiry.md)."""
        run = candidate.run
        handed = Handed(run.root_id or run.workflow_id, candidate.task.task_id) if again else None
        values: list[Json] = []
        opened: list[Opened] = []
        wanted: list[Wanted] = []
        for marker in markers:
            name, path = marker.reference
            try:
                found = self._opened(tx, candidate, marker, handed)
            except (SealBroken, Erased) as problem:  # bytes that are another row's, or whose key is gone
                return Refusal(marker, f"{KIND} {name} does not open: {problem.message}")
            if isinstance(found, Opened):
                value = found.value.reveal() if path is None else select(found, marker.reference)
                if value is None:
                    return Refusal(marker, f"{marker.reference.text()} leads to nothing")
                opened.append(found)
                values.append(value)
            elif isinstance(found, Refusal):
                return found
            elif isinstance(found, Failed):
                return Refusal(marker, f"{KIND} {name} cannot be had: {found.reason}", held=not found.lasting)
            else:
                wanted.append(found)
        if wanted:
            return Missing(tuple(wanted))
        return Filled(_filled(candidate.task.input_data, markers, values), opened, markers)

    def _opened(self, tx: Transaction, candidate: Candidate, marker: Marker, handed: Handed | None) -> Opened | Wanted | Failed | Refusal:
        try:
            return self.stores.open(tx, candidate.project, marker.reference.name, handed)
        except HeldByEndUsers:
            found = self.fields.open(tx, candidate, marker, handed)
            if found is None:
                raise
            return found

    def remember(
        self, tx: Transaction, candidate: Candidate, filled: Filled, door: str, consumer: str, *, sent: Sent | None = None
    ) -> None:
        """A receipt and an audit row for each value that is about to leave, with the place it was filled in at (core/receipt.py)."""
        run, task, who = candidate.run, candidate.task, Principal(candidate.project, consumer)
        for opened in filled.opened:
            tx.do(
                "receipt_insert", root_id=run.root_id or run.workflow_id, run_id=run.workflow_id, task_id=task.task_id,
                secret_id=opened.secret_id, secret_name=opened.name, version=opened.version, door=door, consumer=consumer,
                opened_at=self.clock.now(),
            )  # fmt: skip
            self.audit.change(tx, who, f"secret.{door}", f"{KIND} {opened.name}", f"version {opened.version}, task {task.task_id}")
        through = _Through(door, consumer, sent, self.clock.now())
        uses = zip(filled.markers, filled.opened, strict=True)
        receipt.write(tx, candidate.project, [self._receipt(candidate, marker, opened, through) for marker, opened in uses])

    def _receipt(self, candidate: Candidate, marker: Marker, opened: Opened, through: "_Through") -> Receipt:
        run, task, sending = candidate.run, candidate.task, through.sent.sending if through.sent else None
        executes = through.sent is not None and marker.marker_id in through.sent.only_executing
        return Receipt(
            self.audit.new_id(), run.root_id or run.workflow_id, run.workflow_id, run.workflow_version, task.task_id,
            Place(run.workflow_name, marker.task_ref, task_type_of(task.task_type, sending), marker.place),
            opened.secret_id, opened.name, marker.reference.path, opened.version, through.door, through.consumer, run.starter,
            marker.voucher, Access.EXECUTE if executes else Access.READ, _destination(sending), through.at,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Through:
    """The door that values leave by, at one moment."""

    door: str
    consumer: str
    sent: Sent | None
    at: int


def _destination(sending: Sending | None) -> Destination:
    if sending is None:
        return Destination()
    return Destination(sending.authority, sending.with_port, sending.literal == sending.authority)


def template_of(candidate: Candidate | TaskView) -> tuple[TaskNode, str] | None:
    """The node a task was made from, with its reference name; iterations (`ref__2`, in nested loops `ref__2__1`) are tasks of `ref`."""
    name = candidate.task.reference_task_name
    found = {node.task_reference_name: node for node in nodes(candidate.revision.definition.tasks)}
    while name not in found and ITERATION.search(name):
        name = ITERATION.sub("", name)
    return (found[name], name) if name in found else None


def markers_of(tx: Transaction, candidate: Candidate) -> tuple[Json, list[Marker]]:
    """The stored input template of a task, and the markers that stand in it."""
    origin = template_of(candidate)
    if origin is None:
        return {}, []
    node, name = origin
    return node.input_parameters, markers_of_task(tx, candidate.revision.revision_id, name)


def spelled(tx: Transaction, candidate: Candidate, given: dict[str, Json]) -> dict[str, Json]:
    """What leaves: a marker that came as data is shown as the reference it is."""
    return spell_out(tx, candidate.project, given) if holds_marker(given) else given


def select(opened: Opened, reference: Reference) -> Json:
    """The value, or what `path` leads to in a value that is JSON: `.name`, `[n]`, `['any name']`, in front a `$` that stands for all of it.

    None: nothing. No filters and no functions: what is handed out is a part of the value as it stands, which redaction knows."""
    if reference.path is None:
        return opened.value.reveal()
    try:
        value = strictjson.decode(opened.value.reveal().encode())
    except BadInput:
        return None
    steps = _steps(reference.path.removeprefix("$"))
    if steps is None:
        return None
    for name in steps:
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


def _steps(path: str) -> list[str] | None:
    """The names and numbers of a path, in order; None where it is no such path."""
    steps, at = list[str](), 0
    while at < len(path):
        step = STEP.match(path, at)
        if step is None:
            return None
        steps.append(step[step.lastindex or 1])
        at = step.end()
    return steps


def _filled(value: Json, markers: Sequence[Marker], values: Sequence[Json]) -> Json:
    """Each marker at its own place replaced; a string that is one marker and nothing else takes the value's type."""
    places: dict[tuple[str, ...], dict[str, Json]] = {}
    for marker, one in zip(markers, values, strict=True):
        places.setdefault(marker.steps, {})[marker.text] = one
    for steps, some in places.items():
        value = _with_filled(value, steps, some)
    return value


def _with_filled(value: Json, steps: tuple[str, ...], values: dict[str, Json]) -> Json:
    """The same with the string at the end of these steps filled; only what lies on the way is copied. `values`: by the text of a marker."""
    if not steps:
        return _filled_text(value, values) if isinstance(value, str) else value
    key, rest = steps[0], steps[1:]
    if isinstance(value, dict) and key in value:
        return {**value, key: _with_filled(value[key], rest, values)}
    if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
        at = int(key)
        return [*value[:at], _with_filled(value[at], rest, values), *value[at + 1 :]]
    return value


def _filled_text(text: str, values: dict[str, Json]) -> Json:
    if text in values:
        return values[text]
    return MARKER.sub(lambda match: _text(values[match[0]]) if match[0] in values else match[0], text)


def _text(value: Json) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
