"""What a change makes doubtful: all that is known of a project, or of a few of its subjects (docs/decisions/0015-epochs-by-subject.md).

Cached verdicts and verified tokens are tied to two numbers: the project's epoch, and that of the subject's group. Subjects fall
into 64 groups by a hash of their name, so that a change to one leaves what is known of nearly all others standing.
"""

import zlib

from stagedoor.core.principal import Principal
from stagedoor.store.store import Store, Transaction

GROUPS = 64


def group_of(project: str, subject: str) -> str:
    """The name of the second epoch; no project's id holds a `#`."""
    return f"{project}#{zlib.crc32(subject.encode('utf-8', 'surrogatepass')) % GROUPS}"


def project_changed(tx: Transaction, project: str) -> None:
    """Call it first in a transaction whose change may concern any subject: a resource deleted, a policy, a setting."""
    tx.raise_epoch(project)


def subject_changed(tx: Transaction, project: str, subject: str) -> None:
    """Call it first in a transaction that changes one subject's credentials, roles or grants. Such changes follow one another."""
    tx.raise_epoch(group_of(project, subject))


async def epoch_of(store: Store, who: Principal) -> tuple[int, int]:
    """The numbers to which whatever is known of this principal is tied. Unavailable where they cannot be had."""
    return await store.fresh_epoch(who.project), await store.fresh_epoch(group_of(who.project, who.subject))
