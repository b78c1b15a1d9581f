"""Opening markers: the values of the secrets a task names, put into a copy of its input, with a receipt and an audit row for each."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from stagedoor.core.audit import Audit
from stagedoor.core.marker import Marker, markers_of_task
from stagedoor.core.principal import Principal
from stagedoor.core.secret import KIND, Opened, Secrets
from stagedoor.engine.definition import Json, TaskNode, nodes
from stagedoor.engine.port import Candidate
from stagedoor.gate.conditions import Refusal
from stagedoor.gate.sealing import holds_marker, spell_out
from stagedoor.kit import strictjson
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import BadInput
from stagedoor.kit.template import MARKER, Reference, map_strings
from stagedoor.store.store import Transaction

ITERATION = re.compile(r"__\d+$")


@dataclass(frozen=True, slots=True)
class Filled:
    """A task's input with secret values in it, and which they are: never stored, never shown."""

    input: dict[str, Json] = field(repr=False)
    opened: list[Opened] = field(repr=False)


@dataclass(frozen=True)
class Opening:
    secrets: Secrets
    audit: Audit
    clock: Clock

    def open(self, tx: Transaction, candidate: Candidate, markers: Sequence[Marker]) -> Filled | Refusal:
        """The input with the values in it. A path that leads nowhere in a secret's JSON is a refusal."""
        values: dict[str, Json] = {}
        opened: list[Opened] = []
        for marker in markers:
            opened.append(self.secrets.open(tx, candidate.project, marker.reference.name))
            values[marker.marker_id] = select(opened[-1], marker.reference)
            if values[marker.marker_id] is None:
                return Refusal(marker, f"{marker.reference.text()} leads to nothing")
        places = {(marker.place, marker.marker_id) for marker in markers}
        return Filled(_filled(candidate.task.input_data, places, values), opened)

    def remember(self, tx: Transaction, candidate: Candidate, filled: Filled, door: str, consumer: str) -> None:
        """A receipt and an audit row for each value that is about to leave."""
        run, task, who = candidate.run, candidate.task, Principal(candidate.project, consumer)
        for opened in filled.opened:
            tx.do(
                "receipt_insert", root_id=run.root_id or run.workflow_id, run_id=run.workflow_id, task_id=task.task_id,
                secret_id=opened.secret_id, secret_name=opened.name, version=opened.version, door=door, consumer=consumer,
                opened_at=self.clock.now(),
            )  # fmt: skip
            self.audit.change(tx, who, f"secret.{door}", f"{KIND} {opened.name}", f"version {opened.version}, task {task.task_id}")


def template_of(candidate: Candidate) -> tuple[TaskNode, str] | None:
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
    """The value, or what `path` (dotted names and [n]) leads to in a value that is JSON. None: nothing."""
    if reference.path is None:
        return opened.value.reveal()
    try:
        value = strictjson.decode(opened.value.reveal().encode())
    except BadInput:
        return None
    for name in re.findall(r"[^.\[\]]+", reference.path):
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


def _filled(value: Json, places: set[tuple[str, str]], values: dict[str, Json]) -> Json:
    """Each marker at its own place replaced; a string that is one marker and nothing else takes the value's type."""

    def change(place: str, text: str) -> Json:
        whole = MARKER.fullmatch(text)
        if whole and (place, whole[1]) in places:
            return values[whole[1]]
        return MARKER.sub(lambda match: _text(values[match[1]]) if (place, match[1]) in places else match[0], text)

    return map_strings(value, change)


def _text(value: Json) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
