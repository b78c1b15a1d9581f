"""Who is calling: a user of a project, and the credential it came by."""

import zlib
from dataclasses import dataclass, field
from functools import lru_cache

APPLICATION_PREFIX = "app:"
OPERATOR_PREFIX = "operator:"
STORE_PREFIX = "store:"
"""In the audit: what was fetched from an external store."""
RESERVED = (APPLICATION_PREFIX, OPERATOR_PREFIX, STORE_PREFIX)
"""No person's id starts so."""
GROUPS = 64


@dataclass(frozen=True, slots=True)
class Principal:
    """`user` is a user's id, or `app:<applicationId>` for an application (contract/orkes.md 0.15). `credential` None: the server itself."""

    project: str
    user: str
    credential: str | None = None
    group: str = field(init=False, repr=False)
    """The name of the epoch that its own changes raise (core/epoch.py)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "group", group_of(self.project, self.subject))

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


def application_user(application_id: str) -> str:
    return APPLICATION_PREFIX + application_id


def operator_user(email: str) -> str:
    """An operator who has entered a project (core/operator.py). The name alone proves nothing: any credential can be asked its kind."""
    return OPERATOR_PREFIX + email


@lru_cache(maxsize=10_000)
def group_of(project: str, subject: str) -> str:
    """The epoch of a subject's group; no project's id holds a `#`."""
    return f"{project}#{zlib.crc32(subject.encode('utf-8', 'surrogatepass')) % GROUPS}"
