"""What a door asks inside its transaction about rights and policies, remembered for as long as the epochs stand that it was read under.

Nothing here is ever stale: the epochs are read in the very transaction that asks, after it keeps the secret as it is, and whatever
raises a right, a policy or a setting raises one of them first (docs/decisions/0015-epochs-by-subject.md). What an unfinished transaction
has read is remembered once it is durable, so that an epoch which was undone leaves nothing behind.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, TypeVar

import msgspec

from stagedoor.core.epoch import Four, numbers
from stagedoor.core.grant import authority_on
from stagedoor.core.marker import Marker
from stagedoor.core.permission import Authority, Resource
from stagedoor.core.principal import Principal
from stagedoor.core.project import Projects, Settings
from stagedoor.core.secret import Policy
from stagedoor.core.usage import Use
from stagedoor.core.viewing import Viewing, standing
from stagedoor.engine.definition import Json
from stagedoor.gate.recent import Recent
from stagedoor.store.store import Transaction

T = TypeVar("T")
REMEMBERED = 20_000
Key = tuple[Hashable, ...]


Used = tuple[Principal, Use]


class Passed(NamedTuple):
    """What a task holds, and that conditions 2 to 5 of a poll were met for all of it under these epochs. Of `markers`, the last `beside`
    are those that its task definition names in `runtimeMetadata`; the others stand in `template`, which its input was made from."""

    template: Json
    markers: tuple[Marker, ...]
    beside: int
    uses: tuple[Used, ...] = ()
    epochs: tuple[Four, ...] = ()
    numbers: tuple[Mapping[str, int], ...] = ()


@dataclass(frozen=True)
class Rights:
    _known: Recent[Key, tuple[tuple[int, ...], Any]] = field(default_factory=lambda: Recent(REMEMBERED), repr=False)
    _passed: Recent[Key, Passed] = field(default_factory=lambda: Recent(REMEMBERED), repr=False)

    def passed(self, key: Key) -> Passed | None:
        """What came of it last; whether the epochs still stand is for the caller to ask (`stands`), once it keeps the secrets."""
        return self._passed.get(key)

    def stands(self, tx: Transaction, passed: Passed) -> bool:
        return tuple([tx.lasting("epochs_named", **names) for names in passed.epochs]) == passed.numbers

    def let_pass(self, tx: Transaction, key: Key, passed: Passed) -> None:
        tx.after_commit(partial(self._passed.put, key, passed))

    def on(self, tx: Transaction, who: Principal, resource: Resource) -> Authority:
        """`authority_on`."""
        key = ("on", who.project, who.user, who.ceiling, who.execution, *resource)
        return self._remembered(tx, key, (who.project, *who.groups), lambda: authority_on(tx, who, resource))

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
        epochs = numbers(tx, names)
        known = self._known.get(key)
        if known is not None and known[0] == epochs:
            found: T = known[1]
            return found
        value = read()
        tx.after_commit(partial(self._known.put, key, (epochs, value)))
        return value
