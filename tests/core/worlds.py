"""Small random worlds of users, groups, roles, grants and tags, and a real store to put them into."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from stagedoor.bootstrap import Core, make_core
from stagedoor.core.evidence import Granted, Membership, RoleHeld
from stagedoor.core.grant import authority_on
from stagedoor.core.permission import Access, Allowed, Authority, Resource, decide, decide_create, decide_poll
from stagedoor.core.principal import Principal
from stagedoor.core.question import Question
from stagedoor.core.role import OF_APPLICATIONS, OF_GROUPS, OF_USERS
from stagedoor.kit.clock import SystemClock
from stagedoor.kit.crypto import make_master_key
from stagedoor.store.sqlite import SqliteStore
from stagedoor.store.store import Transaction

USER, APPLICATION = "USER:ada", "USER:app:one"
GROUPS, CUSTOM = ("GROUP:ops", "GROUP:dev"), {"READER": ["READ_SECRET_NAME"], "MAKER": ["CREATE_TASK_DEF", "WORKFLOW_MANAGEMENT"]}
KINDS = ("WORKFLOW_DEF", "TASK_DEF", "SECRET_NAME")
PAIRS, DOMAINS = ("env:prod", "env:test"), ("", "east")
numbers = count()

holders = st.sampled_from([USER, APPLICATION, APPLICATION, *GROUPS])
subjects = st.sampled_from([USER, APPLICATION, APPLICATION, *GROUPS, "ROLE:READER", "ROLE:MAKER", "ROLE:WORKER"])
TRICKY = [  # where an application needs a role beside its grant
    Question(Access.EXECUTE, Resource("TASK_DEF", "a")),
    Question(Access.EXECUTE, Resource("TASK_DEF", "a"), "east"),
    Question(Access.DELETE, Resource("WORKFLOW_DEF", "a")),
    Question(Access.UPDATE, Resource("TASK_DEF", "a")),
]
questions = st.sampled_from(TRICKY) | st.builds(
    Question, st.sampled_from(list(Access)), st.builds(Resource, st.sampled_from(KINDS), st.just("a")), st.sampled_from(DOMAINS)
)


@st.composite
def a_role(draw: st.DrawFn) -> tuple[str, str]:
    holder = draw(holders)
    may = OF_GROUPS if holder in GROUPS else OF_APPLICATIONS if holder == APPLICATION else OF_USERS
    often = ["METADATA_API", "WORKER"] * 5 if holder == APPLICATION else []
    return holder, draw(st.sampled_from([*sorted(may - {"USER_READ_ONLY"}), *CUSTOM, *CUSTOM, *often]))


@dataclass(frozen=True)
class World:
    members: list[tuple[str, str]]
    roles: list[tuple[str, str]]
    grants: list[tuple[str, Resource, Access]]
    tags: list[tuple[Resource, str]]


@st.composite
def cases(draw: st.DrawFn) -> tuple[World, Question]:
    """A question, and a world in which most things bear on it."""
    question = draw(questions)
    kind = question.resource.kind
    near = [question.resource, Resource(kind, "*"), Resource("TAG", "env:prod"), Resource("DOMAIN", "east")]
    far = [Resource(kind, "b"), Resource("TAG", "env:test"), Resource("SECRET_NAME", "*")]
    grants = st.tuples(subjects, st.sampled_from([*near, *near, *far]), st.sampled_from([question.access, question.access, Access.READ]))
    tags = st.tuples(st.sampled_from([question.resource, Resource(kind, "b")]), st.sampled_from(PAIRS))
    members = st.tuples(st.sampled_from([USER, APPLICATION]), st.sampled_from(GROUPS))
    return World(
        draw(st.lists(members, max_size=3)),
        draw(st.lists(a_role(), max_size=4)),
        draw(st.lists(grants, min_size=1, max_size=5)),
        draw(st.lists(tags, max_size=2)),
    ), question


everybody = st.sampled_from([USER, APPLICATION])
Run = Callable[[Callable[[Transaction], Any]], Any]
many = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@contextmanager
def opened(folder: Path) -> Iterator[tuple[Core, Run]]:
    """A store of a module's own, and a way to run something in one of its transactions."""
    made = make_core(SqliteStore(folder / "stagedoor.db", synchronous="NORMAL"), make_master_key(folder / "key"), SystemClock())
    with asyncio.Runner() as runner:
        runner.run(made.store.open())
        yield made, lambda fn: runner.run(made.store.write(fn))
        runner.run(made.store.close())


def insert(tx: Transaction, project: str, world: World) -> None:
    tx.do("account_insert", project_id=project, user_id="ada", person_id="ada", uuid=project, name="ada", created_at=0, contact="{}")
    tx.do("application_insert", project_id=project, id="one", name="one", created_by="ada", created_at=0, updated_by="ada", updated_at=0)
    empty = {"description": "", "default_access": "{}", "contact": "{}", "created_by": "ada", "created_at": 0}
    for group in GROUPS:
        tx.do("group_insert", project_id=project, id=group[6:], **empty)
    for name, permissions in CUSTOM.items():
        text = "[" + ",".join(f'"{one}"' for one in permissions) + "]"
        tx.do("custom_role_insert", project_id=project, name=name, description="", permissions=text, created_by="ada", created_at=0)
    for member, group in world.members:
        add(tx, project, Membership(member, group[6:], "ada", 1))
    for holder, role in world.roles:
        add(tx, project, RoleHeld(holder, role, "ada", 1))
    for subject, target, access in world.grants:
        add(tx, project, Granted(subject, target, "ada", 1), access)
    for thing, pair in world.tags:
        key, value = pair.split(":")
        tx.do(
            "tag_put", project_id=project, target_type=thing.kind, target_id=thing.name, pair=pair,
            tag_key=key, tag_value=f'"{value}"', tag_type=None,
        )  # fmt: skip


def add(tx: Transaction, project: str, held: Membership | RoleHeld | Granted, access: Access | None = None) -> None:
    if isinstance(held, Membership):
        tx.do("membership_insert", project_id=project, member=held.member, group_id=held.group, added_by=held.by, added_at=held.at)
    elif isinstance(held, RoleHeld):
        tx.do("role_insert", project_id=project, subject=held.holder, role=held.role, granted_by=held.by, granted_at=held.at)
    else:
        tx.do(
            "grant_insert", project_id=project, subject=held.holder, target_type=held.target.kind, target_id=held.target.name,
            access=access, granted_by=held.by, granted_at=held.at,
        )  # fmt: skip


def asked(who: Principal, question: Question, authority: Authority) -> bool:
    """The verdict of the function that requests are judged by, chosen here by hand."""
    if question.access == "CREATE":
        verdict = decide_create(question.resource, authority)
    elif question.access == "EXECUTE" and question.resource.kind == "TASK_DEF":
        verdict = decide_poll(who, question.resource.name, authority, question.domain)
    else:
        verdict = decide(who, question.access, question.resource, authority)
    return isinstance(verdict, Allowed)


def now(tx: Transaction, who: Principal, question: Question) -> bool:
    return asked(who, question, authority_on(tx, who, question.resource))
