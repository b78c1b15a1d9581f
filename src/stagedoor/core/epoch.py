"""What a change makes doubtful: all that is known of a project, or of a few of its subjects (docs/decisions/0015-epochs-by-subject.md).

Cached verdicts and verified tokens are tied to two numbers: the project's epoch, and that of the subject's group. Subjects fall
into 64 groups by a hash of their name, so that a change to one leaves what is known of nearly all others standing.
"""

from collections.abc import Mapping, Sequence
from zlib import crc32

from stagedoor.core.principal import GROUPS, Principal, group_of
from stagedoor.kit.errors import Unavailable
from stagedoor.store.store import Store, Transaction

Epoch = tuple[int, ...]
NOTED = "epochs"
"""The note of a transaction under which the numbers stand that it has read."""
Four = dict[str, str]
"""Four names of epochs."""
OPERATORS = "#operators"
"""The row of those who stand above projects; no project's id holds a `#`."""
PROJECT_SIGNING = "#project_signing"
"""The row of those who make or drop the keys that project secret keys are signed with."""


def project_changed(tx: Transaction, project: str) -> None:
    """Call it first in a transaction whose change may concern any subject: a resource deleted, a policy, a setting."""
    tx.raise_epoch(project)


def subject_changed(tx: Transaction, project: str, subject: str) -> None:
    """Call it first in a transaction that changes one subject's credentials, roles or grants. Such changes follow one another."""
    tx.raise_epoch(group_of(project, subject))


def name_changed(tx: Transaction, project: str, kind: str, name: str) -> None:
    """Call it before all else, the other two included, where a name is made or deleted, or rights on it are given: such changes of
    one name follow one another, so that each finds what the one before it left. No verdict is tied to this number."""
    tx.raise_epoch(f"{project}@{crc32(f'{kind} {name}'.encode('utf-8', 'surrogatepass')) % GROUPS}")


def operators_changed(tx: Transaction) -> None:
    """Call it before all else where an operator is made, unmade, or enters a project: such changes follow one another."""
    tx.raise_epoch(OPERATORS)


def project_signing_changed(tx: Transaction) -> None:
    """Call it before all else where such a key is made or dropped, or a secret key is signed: such changes follow one another."""
    tx.raise_epoch(PROJECT_SIGNING)


def numbers(tx: Transaction, names: Sequence[str]) -> tuple[int, ...]:
    """The numbers of some epochs, each read once in a writing transaction and, where one waits for a secret's row, after that
    (core/secret.py): what was acknowledged before it went on is seen."""
    noted: dict[str, int] = tx.notes.setdefault(NOTED, {})
    wanted = [name for name in names if name not in noted]
    for asked in in_fours(wanted):
        found = tx.lasting("epochs_named", **asked) or {}
        noted |= zip(asked.values(), found.values(), strict=True)
    return tuple([noted[name] for name in names])


def in_force(tx: Transaction, names: Sequence[str]) -> tuple[Mapping[str, int], ...]:
    """The numbers as they are now, four in a row as `in_fours` has their names. Whoever asks for `numbers` next gets the same."""
    tx.notes.pop(NOTED, None)
    numbers(tx, names)
    noted: dict[str, int] = tx.notes[NOTED]
    return tuple([{place: noted[name] for place, name in asked.items()} for asked in in_fours(names)])


def in_fours(names: Sequence[str]) -> tuple[Four, ...]:
    """Names of epochs as one statement takes them; the last stands in for those that are missing."""
    fours = [(*names[at : at + 4], names[-1], names[-1], names[-1]) for at in range(0, len(names), 4)]
    return tuple([{"one": one, "two": two, "three": three, "four": four} for one, two, three, four, *_ in fours])


async def epoch_of(store: Store, who: Principal, *more: str) -> Epoch:
    """The numbers to which whatever is known of this principal is tied, and `more` of them. Unavailable where they cannot be had."""
    try:
        return store.epochs(who.project, *who.groups, *more)
    except Unavailable:
        return tuple([await store.fresh_epoch(name) for name in (who.project, *who.groups, *more)])
