"""Who is calling: a user of a project, and the credential it came by."""

from dataclasses import dataclass

APPLICATION_PREFIX = "app:"


@dataclass(frozen=True, slots=True)
class Principal:
    """`user` is a user's id, or `app:<applicationId>` for an application (contract/orkes.md 0.15). `credential` None: the server itself."""

    project: str
    user: str
    credential: str | None = None

    @property
    def subject(self) -> str:
        """The subject that roles and grants name."""
        return f"USER:{self.user}"

    @property
    def is_application(self) -> bool:
        return self.user.startswith(APPLICATION_PREFIX)


def application_user(application_id: str) -> str:
    return APPLICATION_PREFIX + application_id
