"""Receipts: what became of each secret. One for each place that a value was filled in at; none holds a value."""

from collections.abc import Iterator, Sequence

import msgspec

from stagedoor.store.store import Row, Transaction

HANDOFF, EGRESS = "handoff", "egress"
DAY = 24 * 60 * 60_000
MADE_FROM_DATA = "made from data"
PAGE = 1_000
PORTION = 2_000
"""Uses that are counted in one transaction, others waiting meanwhile."""
SETTLES = 5 * 60_000
"""A use that a transaction under way will still write is younger than this."""
KEPT_DAYS = 90


class Place(msgspec.Struct, frozen=True):
    """Where in a definition. `place` is a JSON pointer into the task's input, or `#runtimeMetadata`."""

    workflow: str
    task_ref: str
    task_type: str
    place: str


class Destination(msgspec.Struct, frozen=True):
    """Where a request went: empty at the hand-off.

    An authority that is not `literal` was on the secret's own list of hosts, or nothing would have been sent: what is stored here is no
    more than the list says. It is not shown all the same: a name made from data may be the very value."""

    authority: str = ""
    with_port: str = ""
    literal: bool = True

    @property
    def shown(self) -> str | None:
        if not self.authority:
            return None
        return self.authority if self.literal else MADE_FROM_DATA


class Receipt(msgspec.Struct, frozen=True):
    """`voucher_access`: READ, or EXECUTE where the voucher held no more than that then. `at` in epoch milliseconds."""

    use_id: str
    root_id: str
    run_id: str
    workflow_version: int
    task_id: str
    where: Place
    secret_id: str
    secret: str
    path: str | None
    version: int
    door: str
    consumer: str
    starter: str
    voucher: str
    voucher_access: str
    to: Destination
    at: int


class Counted(msgspec.Struct, frozen=True):
    """Uses that are alike in all that a policy asks; `lately` of them in the days that were asked for apart."""

    where: Place
    door: str
    consumer: str
    voucher: str
    voucher_access: str
    to: Destination
    uses: int
    lately: int
    first_at: int
    last_at: int


def write(tx: Transaction, project: str, receipts: Sequence[Receipt]) -> None:
    """In the transaction in which the values leave."""
    tx.do_each("secret_use_add", [_columns(project, one) for one in receipts])


def of_tree(tx: Transaction, project: str, root_id: str) -> Iterator[Receipt]:
    """Every use in a tree of runs, in the order of time."""
    at, use_id = -1, ""
    while rows := tx.all("secret_uses_of_tree", project_id=project, root_id=root_id, opened_at=at, use_id=use_id, size=PAGE):
        yield from map(_receipt, rows)
        at, use_id = rows[-1]["opened_at"], rows[-1]["use_id"]


def runs_of_tree(tx: Transaction, project: str, root_id: str, most: int) -> list[str]:
    """The executions in a tree that have receipts."""
    return [row["run_id"] for row in tx.all("secret_runs_of_tree", project_id=project, root_id=root_id, size=most)]


def counted(tx: Transaction, project: str, secret_id: str, since: tuple[int, int], most: int) -> list[Counted]:
    """The uses of a secret since the first of two days (days since 1970, UTC), `most` sorts of them; `lately`: since the second."""
    day, lately = since
    rows = tx.all(
        "secret_uses_counted", project_id=project, secret_id=secret_id, day=day, uncounted=_uncounted(tx, project, day),
        lately=lately * DAY, size=most,
    )  # fmt: skip
    return [
        Counted(
            _place(row), row["door"], row["consumer"], row["voucher"], row["voucher_access"], _destination(row),
            int(row["uses"]), int(row["uses_lately"]), row["first_at"], row["last_at"],
        )
        for row in rows
    ]  # fmt: skip


def handed_to(tx: Transaction, project: str, secret_id: str, day: int, most: int) -> list[str]:
    """The users that polled and got a secret since a day."""
    asked = {"project_id": project, "secret_id": secret_id, "day": day, "uncounted": _uncounted(tx, project, day)}
    return [row["consumer"] for row in tx.all("workers_handed", door=HANDOFF, size=most, **asked)]


def _uncounted(tx: Transaction, project: str, day: int) -> int:
    """From when on uses since a day stand singly."""
    row = tx.one("uses_counted", project_id=project)
    return max(row["until"] if row else 0, day * DAY)


def count_on(tx: Transaction, project: str, now: int) -> bool:
    """Count what was used and has settled, a portion in a transaction. True: there is more."""
    tx.do("uses_counted_begin", project_id=project)
    row = tx.one("uses_counted_locked", project_id=project)
    start, settled = row["until"] if row else 0, now - SETTLES
    if start >= settled:
        return False
    beyond = tx.one("secret_use_beyond", project_id=project, since=start, most=PORTION)
    until = min(settled, max(beyond["opened_at"], start + 1)) if beyond else settled
    rows = tx.all("secret_uses_to_count", project_id=project, since=start, until=until)
    tx.do_each("secret_use_count", [{**row, "project_id": project} for row in rows])
    tx.do("secret_use_day_prune", project_id=project, day=now // DAY - KEPT_DAYS - 1)
    tx.do("uses_counted_until", project_id=project, until=until)
    return until < settled


def without_place(tx: Transaction, secret_id: str, since: int) -> int:
    """How many openings of a secret since then were recorded before their places were."""
    began = recorded_since(tx)
    if began <= since:
        return 0
    row = tx.one("receipts_without_place", secret_id=secret_id, since=since, until=began)
    return row["count"] if row else 0


def recorded_since(tx: Transaction) -> int:
    """When this store began to record places, in epoch milliseconds."""
    row = tx.one("uses_recorded_since")
    return row["applied_at"] if row else 0


def _columns(project: str, one: Receipt) -> dict[str, str | int | None]:
    return {
        "use_id": one.use_id, "project_id": project, "root_id": one.root_id, "run_id": one.run_id,
        "workflow": one.where.workflow, "workflow_version": one.workflow_version, "task_id": one.task_id,
        "task_ref": one.where.task_ref, "task_type": one.where.task_type, "place": one.where.place,
        "secret_id": one.secret_id, "secret_name": one.secret, "secret_path": one.path, "secret_version": one.version,
        "door": one.door, "consumer": one.consumer, "starter": one.starter, "voucher": one.voucher, "voucher_access": one.voucher_access,
        "authority": one.to.authority, "with_port": one.to.with_port, "literal": int(one.to.literal), "opened_at": one.at,
    }  # fmt: skip


def _receipt(row: Row) -> Receipt:
    return Receipt(
        row["use_id"], row["root_id"], row["run_id"], row["workflow_version"], row["task_id"], _place(row), row["secret_id"],
        row["secret_name"], row["secret_path"], row["secret_version"], row["door"], row["consumer"], row["starter"], row["voucher"],
        row["voucher_access"], _destination(row), row["opened_at"],
    )  # fmt: skip


def _place(row: Row) -> Place:
    return Place(row["workflow"], row["task_ref"], row["task_type"], row["place"])


def _destination(row: Row) -> Destination:
    return Destination(row["authority"], row["with_port"], bool(row["literal"]))
