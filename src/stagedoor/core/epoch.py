"""What a change makes doubtful: all that is known of a project, or of a few of its subjects (docs/decisions/0015-epochs-by-subject.md).

Cached verdicts and verified tokens are tied to two numbers: the project's epoch, and that of the subject's group. Subjects fall
into 64 groups by a hash of their name, so that a change to one leaves what is known of nearly all others standing.
"""

from zlib import crc32

from stagedoor.core.principal import GROUPS, Principal, group_of
from stagedoor.kit.errors import Unavailable
from stagedoor.store.store import Store, Transaction

Epoch = tuple[int, ...]
OPERATORS = "#operators"
"""The row of those who stand above projects; no project's id holds a `#`."""


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


async def epoch_of(store: Store, who: Principal) -> Epoch:
    """The numbers to which whatever is known of this principal is tied. Unavailable where they cannot be had."""
    try:
        return store.epochs(who.project, who.group)
    except Unavailable:
        return await store.fresh_epoch(who.project), await store.fresh_epoch(who.group)
