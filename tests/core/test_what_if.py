"""What-if against the change itself, over random worlds: whatever is lost is told, and nothing else."""

from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagedoor.bootstrap import Core
from stagedoor.core.change import Change, DeleteGroup, DeleteRole, Parts, RemoveGrant, RemoveMember, RemoveRole
from stagedoor.core.grant import Subject, Target
from stagedoor.core.permission import Access, Resource
from stagedoor.core.principal import Principal
from stagedoor.core.question import Question
from stagedoor.gate.conditions import Conditions
from stagedoor.gate.stops import Deployed
from stagedoor.gate.what_if import Lost, Trial, WhatIf, seen
from stagedoor.store.store import Transaction
from tests.core.worlds import APPLICATION, CUSTOM, GROUPS, KINDS, USER, Run, World, cases, insert, many, now, numbers, opened

THINGS = [*(Resource(kind, name) for kind in KINDS for name in ("a", "b", "*")), Resource("DOMAIN", "east"), Resource("*", "*")]
ASKED = [(subject, Question(access, thing)) for subject, access, thing in product((USER, APPLICATION), Access, THINGS)]


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Core, Run]]:
    with opened(tmp_path_factory.mktemp("what-if")) as made:
        yield made


def changes(world: World) -> list[Change]:
    """What could be taken away in this world."""
    return [
        *(RemoveMember(group=group[6:], user=member[5:]) for member, group in world.members),
        *(RemoveRole(subject=subject_of(holder), role=role) for holder, role in world.roles),
        *(RemoveGrant(subject=subject_of(subject), target=Target(*target), access=[access]) for subject, target, access in world.grants),
        *(DeleteGroup(id=group[6:]) for group in GROUPS),
        *(DeleteRole(name=name) for name in CUSTOM),
    ]


def subject_of(name: str) -> Subject:
    kind, _, rest = name.partition(":")
    return Subject(kind, rest)


def standing(tx: Transaction, project: str) -> dict[tuple[str, Question], bool]:
    return {(subject, question): now(tx, Principal(project, subject[5:]), question) for subject, question in ASKED}


def told_of(lost: Lost, subject: str, question: Question) -> bool:
    same = (lost.subject, lost.access) == (subject, question.access)
    return same and lost.resource["type"] in (question.resource.kind, "*") and lost.resource["id"] in (question.resource.name, "*")


@many
@given(cases(), st.data())
def test_what_is_lost_is_told_and_nothing_else(core: tuple[Core, Run], case: tuple[World, Question], data: st.DataObject) -> None:
    made, run = core
    project, world = f"p{next(numbers)}", case[0]
    change = data.draw(st.sampled_from(changes(world)))

    def within(tx: Transaction) -> None:
        insert(tx, project, world)
        administrator(tx, made, project)
        before = standing(tx, project)
        found = trial(tx, made, Principal(project, "root"), change)  # caught here: in this transaction the change stands
        after = standing(tx, project)
        for (subject, question), had in before.items():
            told = any(told_of(lost, subject, question) for lost in found.lost)
            assert told or not had or after[subject, question], (subject, str(question))
        for lost in found.lost:
            key = (lost.subject, Question(Access(lost.access), Resource(lost.resource["type"], lost.resource["id"])))
            assert key not in before or (before[key] and not after[key]), lost

    run(within)


def test_a_grant_to_a_role_is_lost_by_all_who_have_it_by_a_group(core: tuple[Core, Run]) -> None:
    made, run = core
    project, secret = f"p{next(numbers)}", Resource("SECRET_NAME", "a")
    world = World([(USER, "GROUP:ops")], [("GROUP:ops", "MAKER"), (APPLICATION, "MAKER")], [("ROLE:MAKER", secret, Access.DELETE)], [])
    change = RemoveGrant(subject=Subject("ROLE", "MAKER"), target=Target(*secret), access=[Access.DELETE])

    def within(tx: Transaction) -> WhatIf:
        insert(tx, project, world)
        administrator(tx, made, project)
        return trial(tx, made, Principal(project, "root"), change)

    found: WhatIf = run(within)
    assert sorted((one.subject, one.access, one.resource["id"]) for one in found.lost) == [
        (USER, "DELETE", "a"),
        (APPLICATION, "DELETE", "a"),
    ]


def administrator(tx: Transaction, core: Core, project: str) -> None:
    """One who may make any change; and a key, without which nothing comes as the application."""
    tx.do(
        "account_insert", project_id=project, user_id="root", person_id="root", uuid=f"{project}-root", name="", created_at=0, contact="{}"
    )
    core.directory.give_role(tx, Principal(project, "root"), "USER:root", "ADMIN")
    core.credentials.create_key(tx, Principal(project, "root"), "one")


def trial(tx: Transaction, core: Core, who: Principal, change: Change) -> WhatIf:
    parts = Parts(core.groups, core.applications, core.credentials, core.secrets)
    conditions = Conditions(core.secrets, core.projects, core.usage)
    with pytest.raises(Exception) as raised:
        Trial(parts, conditions, Deployed([], [], [])).within(tx, who, change)
    found = seen(raised.value)
    assert found is not None and found.complete, raised.value
    return found
