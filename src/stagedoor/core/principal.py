"""Who is calling: a user of a project, and the credential it came by."""

import zlib
from dataclasses import dataclass, field
from functools import lru_cache

from stagedoor.core.ceiling import Ceiling

APPLICATION_PREFIX = "app:"
OPERATOR_PREFIX = "operator:"
STORE_PREFIX = "store:"
"""In the audit: what was fetched from an external store."""
PROJECT_PREFIX = "project:"
"""Whoever shows a secret key of the project."""
END_USER_PREFIX = "end_user:"
"""In the audit: what an end user did in the hosted flow."""
RUN_PREFIX = "run:"
"""What speaks for a run by an execution token."""
RESERVED = (APPLICATION_PREFIX, OPERATOR_PREFIX, STORE_PREFIX, PROJECT_PREFIX, END_USER_PREFIX, RUN_PREFIX)
"""No person's id starts so."""
GROUPS = 64


@dataclass(frozen=True, slots=True)
class Execution:
    """One task of one run that speaks for itself, for as long as it is under way (docs/decisions/0038-execution-tokens.md)."""

    workflow_id: str
    task_id: str
    poll_count: int
    """Of the task when it asked: handed out once more, it is another's."""
    starter: str
    holders: tuple[str, ...]
    """The user ids of the voucher, the starter and whoever began what led to the run: it may what all of them may."""
    worker: str
    """The user id behind the credential that asked."""


@dataclass(frozen=True, slots=True)
class Principal:
    """`user` is a user's id, or `app:<applicationId>` for an application (contract/orkes.md 0.15). `credential` None: the server itself."""

    project: str
    user: str
    credential: str | None = None
    ceiling: Ceiling | None = None
    """What the credential may at most do; every Authority read for this principal is cut to it (core/grant.py)."""
    execution: Execution | None = None
    """Set where it is a run that speaks, `user` being `run:<workflowId>`; its credential is the worker's."""
    tokens: tuple[str, ...] = field(default=(), compare=False, repr=False)
    """The jti of the access token it came by, and what that one was had by: any of them may be revoked (kit/tokens.py, Claims)."""
    acting: tuple[str, ...] = field(default=(), compare=False, repr=False)
    """The credentials of those who act by that token (RFC 8693 4.1)."""
    until: int | None = field(default=None, compare=False, repr=False)
    """When that token ends, in epoch ms."""
    signed_by: str = field(default="", compare=False, repr=False)
    """The `kid` of the key that signed that token: it may be given up."""
    group: str = field(init=False, repr=False)
    """The name of the epoch that its own changes raise (core/epoch.py)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "group", group_of(self.project, self.subject))

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of the epochs that what it may depends on."""
        if self.execution is None:
            return (self.group,)
        return (self.group, *(group_of(self.project, f"USER:{user}") for user in self.execution.holders))

    @property
    def subject(self) -> str:
        """The subject that roles and grants name."""
        return f"USER:{self.user}"

    @property
    def above_projects(self) -> bool:
        """An operator inside a project, or the server itself."""
        return self.credential is None or self.user.startswith(OPERATOR_PREFIX)

    @property
    def is_application(self) -> bool:
        return self.user.startswith(APPLICATION_PREFIX)

    @property
    def is_project(self) -> bool:
        """Whoever shows a secret key of the project: it may name any end user of it."""
        return self.user == project_user(self.project)


def application_user(application_id: str) -> str:
    return APPLICATION_PREFIX + application_id


def project_user(project: str) -> str:
    """The owner of a project's secret keys: it holds no role and no grant."""
    return PROJECT_PREFIX + project


def run_user(workflow_id: str) -> str:
    return RUN_PREFIX + workflow_id


def operator_user(email: str) -> str:
    """An operator who has entered a project (core/operator.py). The name alone proves nothing: any credential can be asked its kind."""
    return OPERATOR_PREFIX + email


@lru_cache(maxsize=10_000)
def group_of(project: str, subject: str) -> str:
    """The epoch of a subject's group; no project's id holds a `#`."""
    return f"{project}#{zlib.crc32(subject.encode('utf-8', 'surrogatepass')) % GROUPS}"
