"""Markers: what an engine sees in place of a reference. Each is bound to a revision, a task and a place, and has a voucher."""

from dataclasses import dataclass, field

from stagedoor.kit.template import Reference, marker_text, steps_of
from stagedoor.store.store import Row, Transaction


@dataclass(frozen=True, slots=True)
class Marker:
    """`place` is a JSON pointer into the task's `inputParameters`; `voucher` the user id of whoever vouches for it: the one thing about a
    marker that can change (gate/adopting.py), which raises the project's epoch: a marker is remembered under that alone."""

    marker_id: str
    task_ref: str
    place: str
    reference: Reference
    voucher: str
    text: str = field(init=False, compare=False)
    steps: tuple[str, ...] = field(init=False, compare=False, repr=False)
    """The keys that lead to its place."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", marker_text(self.marker_id))
        object.__setattr__(self, "steps", steps_of(self.place))


def insert_marker(tx: Transaction, project: str, revision_id: str, marker: Marker) -> None:
    tx.do(
        "marker_insert", marker_id=marker.marker_id, project_id=project, revision_id=revision_id, task_ref=marker.task_ref,
        place=marker.place, secret_name=marker.reference.name, secret_path=marker.reference.path, voucher=marker.voucher,
    )  # fmt: skip


def markers_of_revision(tx: Transaction, revision_id: str) -> list[Marker]:
    return [_marker(row) for row in tx.all("markers_of_revision", revision_id=revision_id)]


def marker_by_id(tx: Transaction, project: str, marker_id: str) -> Marker | None:
    row = tx.one("marker_by_id", project_id=project, marker_id=marker_id)
    return _marker(row) if row else None


def markers_of_task(tx: Transaction, revision_id: str, task_ref: str) -> list[Marker]:
    return [_marker(row) for row in tx.all("markers_of_task", revision_id=revision_id, task_ref=task_ref)]


def _marker(row: Row) -> Marker:
    return Marker(row["marker_id"], row["task_ref"], row["place"], Reference(row["secret_name"], row["secret_path"]), row["voucher"])
