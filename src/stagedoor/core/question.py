"""One question about rights, and its answer: the same verdicts that every request gets (core/permission.py)."""

from dataclasses import dataclass

from stagedoor.core.permission import Access, Allowed, Authority, Resource, Verdict, decide, decide_create, decide_poll
from stagedoor.core.principal import Principal

OF_SECRET_KEYS = frozenset({Access.CREATE, Access.READ, Access.DELETE, Access.EXECUTE})
"""What every secret key may on any end user of its project: what `/v1` does, and to start runs for one (api/rules.py: Starts)."""


@dataclass(frozen=True, slots=True)
class Question:
    """May somebody have this access on this resource? `domain`: the one that a task is polled in.

    EXECUTE on a TASK_DEF is asked as a poll asks it, CREATE as the making of something new: a grant of CREATE by itself makes nothing.
    """

    access: Access
    resource: Resource
    domain: str = ""

    @property
    def polls(self) -> bool:
        return self.access is Access.EXECUTE and self.resource.kind == "TASK_DEF"

    def __str__(self) -> str:
        return f"{self.access} on {self.resource.kind} {self.resource.name}"


def by_secret_key(who: Principal, question: Question) -> bool:
    """Whether no role or grant is needed, because it is the project's secret key that asks."""
    return who.is_project and question.resource.kind == "END_USER" and question.access in OF_SECRET_KEYS


def judge(who: Principal, question: Question, authority: Authority) -> Verdict:
    """The verdict that a request of this principal gets."""
    if by_secret_key(who, question):
        return Allowed("secret key of the project")
    if question.access is Access.CREATE:
        return decide_create(question.resource, authority)
    if question.polls:
        return decide_poll(who, question.resource.name, authority, question.domain)
    return decide(who, question.access, question.resource, authority)
