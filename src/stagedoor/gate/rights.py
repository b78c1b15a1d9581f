"""What a door asks inside its transaction about rights and policies, remembered for as long as the epochs stand that it was read under.

Nothing here is ever stale: the epochs are read in the very transaction that asks, before anything else, and whatever raises a right,
a policy or a setting raises one of them first (docs/decisions/0015-epochs-by-subject.md). What an unfinished transaction has read
is remembered once it is durable, so that an epoch which was undone leaves nothing behind.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, TypeVar

import msgspec

from stagedoor.core.grant import authority_on
from stagedoor.core.permission import Authority, Resource
from stagedoor.core.principal import Principal
from stagedoor.core.project import Projects, Settings
from stagedoor.core.secret import Policy
from stagedoor.core.usage import Use
from stagedoor.core.viewing import Viewing, standing
from stagedoor.gate.authority import Recent
from stagedoor.store.store import Transaction

T = TypeVar("T")
REMEMBERED = 20_000
AT_ONCE = 4
Key = tuple[str, ...]


Used = tuple[Principal, Use]


class Question(NamedTuple):
    """All that an answer depends on, and the epochs that it holds under."""

    key: Key
    epochs: tuple[str, ...]


@dataclass(frozen=True)
class Rights:
    _known: Recent[Key, tuple[tuple[int, ...], Any]] = field(default_factory=lambda: Recent(REMEMBERED), repr=False)

    def passed(self, tx: Transaction, question: Question) -> list[Used] | None:
        """The rights that its answer, a yes, rested on; None where it must be asked."""
        if not tx.writes:
            return None
        known = self._known.get(question.key)
        return known[1] if known is not None and known[0] == _epochs(tx, question.epochs) else None

    def let_pass(self, tx: Transaction, question: Question, uses: list[Used]) -> None:
        self._remembered(tx, question.key, question.epochs, lambda: uses)

    def on(self, tx: Transaction, who: Principal, resource: Resource) -> Authority:
        """`authority_on`."""
        key = ("on", who.project, who.user, *resource)
        return self._remembered(tx, key, (who.project, who.group), lambda: authority_on(tx, who, resource))

    def settings(self, tx: Transaction, projects: Projects, project: str) -> Settings:
        return self._remembered(tx, ("settings", project), (project,), lambda: projects.settings(tx, project))

    def uses(self, tx: Transaction, project: str, name: str) -> tuple[Policy, Viewing]:
        """Where a secret may be used, and what viewing it demands. NotFound by name."""

        def read() -> tuple[Policy, Viewing]:
            found = standing(tx, project, name)
            return msgspec.json.decode(found.policy, type=Policy), found.viewing

        return self._remembered(tx, ("uses", project, name), (project,), read)

    def name_of(self, tx: Transaction, project: str, name_id: str) -> str | None:
        """The workflow's name that has this id; None where it is deleted."""

        def read() -> str | None:
            row = tx.one("name_of_id", project_id=project, name_id=name_id)
            return row["name"] if row else None

        return self._remembered(tx, ("name", project, name_id), (project,), read)

    def _remembered(self, tx: Transaction, key: Key, names: tuple[str, ...], read: Callable[[], T]) -> T:
        if not tx.writes:  # such transactions may outlive an answer, and are not made once durable
            return read()
        epochs = _epochs(tx, names)
        known = self._known.get(key)
        if known is not None and known[0] == epochs:
            found: T = known[1]
            return found
        value = read()
        tx.after_commit(partial(self._known.put, key, (epochs, value)))
        return value


def _epochs(tx: Transaction, names: tuple[str, ...]) -> tuple[int, ...]:
    """The numbers of at most four epochs, each read once in a transaction."""
    notes = tx.notes
    if any(name not in notes for name in names):
        one, two, three, four = (*names, *names[-1:] * (AT_ONCE - len(names)))
        row = tx.one("epochs_named", one=one, two=two, three=three, four=four) or {}
        for name, number in zip((one, two, three, four), row.values(), strict=True):
            notes[name] = number
    return tuple([notes[name] for name in names])
