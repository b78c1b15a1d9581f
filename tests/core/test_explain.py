"""Explanations against the verdict itself, over random worlds in a real store: a path that is listed is enough by itself, without all
of them the right is gone, and every remedy is one."""

from collections.abc import Iterator

import pytest
from hypothesis import given

from stagedoor.bootstrap import Core
from stagedoor.core.evidence import Evidence, Granted, Membership, RoleHeld, evidence_about
from stagedoor.core.explain import Step, chains
from stagedoor.core.explainer import Explainer, Explanation
from stagedoor.core.grant import authority_on
from stagedoor.core.permission import Access, Denied, Resource
from stagedoor.core.principal import Principal
from stagedoor.core.question import Question, judge
from stagedoor.core.remedy import Change, Remedies
from stagedoor.kit.errors import NotFound
from stagedoor.store.store import Transaction
from tests.core.worlds import (
    APPLICATION,
    CUSTOM,
    GROUPS,
    USER,
    Run,
    World,
    add,
    asked,
    cases,
    everybody,
    insert,
    many,
    now,
    numbers,
    opened,
)  # fmt: skip


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Core, Run]]:
    with opened(tmp_path_factory.mktemp("explain")) as made:
        yield made


def remove(tx: Transaction, project: str, step: Step) -> None:
    if step.type == "MEMBER":
        tx.do("membership_delete", project_id=project, member=step.holder, group_id=step.group)
    elif step.type == "ROLE":
        tx.do("role_delete", project_id=project, subject=step.holder, role=step.role)
    else:
        assert step.target is not None
        given = {"target_type": step.target["type"], "target_id": step.target["id"], "access": step.access}
        tx.do("grant_delete", project_id=project, subject=step.holder, **given)


def apply(tx: Transaction, project: str, change: Change) -> None:
    if change.type == "MEMBER":
        add(tx, project, Membership(change.subject, str(change.group), "ada", 2))
    elif change.type == "ROLE":
        add(tx, project, RoleHeld(change.subject, str(change.role), "ada", 2))
    else:
        assert change.target is not None and change.access is not None
        target = Resource(change.target["type"], change.target["id"])
        add(tx, project, Granted(change.subject, target, "ada", 2), Access(change.access))


def explained(core: Core, tx: Transaction, who: Principal, question: Question) -> Explanation:
    return explainer(core).explain(tx, None, who, question)


def explainer(core: Core) -> Explainer:
    return Explainer(core.credentials, Remedies(core.groups, core.applications))


@many
@given(cases(), everybody)
def test_the_explanation_and_the_verdict_are_one(core: tuple[Core, Run], case: tuple[World, Question], subject: str) -> None:
    world, question = case
    made, run = core
    project = f"p{next(numbers)}"
    who = Principal(project, subject.removeprefix("USER:"))

    def within(tx: Transaction) -> None:
        insert(tx, project, world)
        found = explained(made, tx, who, question)
        assert found.allowed == now(tx, who, question) == bool(found.paths)
        assert bool(found.remedies) != found.allowed
        if found.allowed:
            check_paths(tx, who, question, found)
            return
        denial = judge(who, question, authority_on(tx, who, question.resource))
        assert isinstance(denial, Denied) and (found.reason, found.missing) == (denial.reason, denial.missing)
        for remedy in found.remedies:
            for change in remedy.changes:
                apply(tx, project, change)
            assert now(tx, who, question), remedy
            clear(tx, project)
            insert(tx, project, world)

    run(within)


def check_paths(tx: Transaction, who: Principal, question: Question, found: Explanation) -> None:
    whole = evidence_about(tx, who.project, who.subject, question)
    ways = chains(whole, who)
    assert len(ways) == len(found.paths)
    for chain in ways:
        alone = Evidence.of(question, chain, whole.custom)
        assert asked(who, question, alone.authority(who.subject)), chain
    for step in {step.text: step for path in found.paths for step in path.via}.values():
        remove(tx, who.project, step)
    assert not now(tx, who, question), found.paths


def clear(tx: Transaction, project: str) -> None:
    for subject in (USER, APPLICATION, *GROUPS, "ROLE:READER", "ROLE:MAKER", "ROLE:WORKER"):
        tx.do("roles_delete_of_subject", project_id=project, subject=subject)
        tx.do("grants_delete_of_subject", project_id=project, subject=subject)
        tx.do("memberships_delete_of_member", project_id=project, member=subject)
    for group in GROUPS:
        tx.do("group_delete", project_id=project, id=group[6:])
    for name in CUSTOM:
        tx.do("custom_role_delete", project_id=project, name=name)
    tx.do("account_delete", project_id=project, user_id="ada")
    tx.do("application_delete", project_id=project, id="one")


@many
@given(cases())
def test_who_can_names_exactly_those_who_are_allowed(core: tuple[Core, Run], case: tuple[World, Question]) -> None:
    world, question = case
    made, run = core
    project = f"p{next(numbers)}"

    def within(tx: Transaction) -> None:
        insert(tx, project, world)
        able = explainer(made).who_can(tx, project, question)
        allowed = [one for one in (USER, APPLICATION) if now(tx, Principal(project, one[5:]), question)]
        assert [one.subject for one in able] == allowed
        for one in able:
            alone = explained(made, tx, Principal(project, one.subject[5:]), question)
            assert one.paths == tuple(path.text for path in alone.paths)

    run(within)


def told(core: tuple[Core, Run], world: World, user: str, question: Question) -> Explanation:
    made, run = core
    project = f"p{next(numbers)}"

    def within(tx: Transaction) -> Explanation:
        insert(tx, project, world)
        return explained(made, tx, Principal(project, user), question)

    found: Explanation = run(within)
    return found


SECRET = Resource("SECRET_NAME", "a")
READ_SECRET = Question(Access.READ, SECRET)


@pytest.mark.parametrize(
    ("world", "question", "text"),
    [
        (
            World([(USER, "GROUP:ops")], [("GROUP:ops", "METADATA_MANAGER")], [], []),
            Question(Access.READ, Resource("WORKFLOW_DEF", "a")),
            "USER:ada is in GROUP:ops, which has the role METADATA_MANAGER: all accesses on every WORKFLOW_DEF",
        ),
        (
            World([(USER, "GROUP:ops")], [], [("GROUP:ops", Resource("TAG", "env:prod"), Access.READ)], [(SECRET, "env:prod")]),
            READ_SECRET,
            "USER:ada is in GROUP:ops, which has READ on TAG env:prod, which SECRET_NAME a carries (given by ada, 1970-01-01)",
        ),
        (
            World([], [], [(USER, SECRET, Access.READ)], []),
            READ_SECRET,
            "USER:ada has READ on SECRET_NAME a (it made that itself, 1970-01-01)",
        ),
        (
            World([], [(USER, "READER")], [("ROLE:READER", Resource("WORKFLOW_DEF", "*"), Access.EXECUTE)], []),
            Question(Access.EXECUTE, Resource("WORKFLOW_DEF", "a")),
            "USER:ada has the role READER, which has EXECUTE on every WORKFLOW_DEF (given by ada, 1970-01-01)",
        ),
        (
            World([], [], [(USER, Resource("DOMAIN", "east"), Access.EXECUTE)], []),
            Question(Access.EXECUTE, Resource("TASK_DEF", "a"), "east"),
            "USER:ada has EXECUTE on DOMAIN east (it made that itself, 1970-01-01)",
        ),
    ],
    ids=["group and role", "tag", "own grant", "grant to a role", "domain"],
)  # fmt: skip
def test_a_path_reads_like_a_sentence(core: tuple[Core, Run], world: World, question: Question, text: str) -> None:
    assert [path.text for path in told(core, world, "ada", question).paths] == [text]


def test_an_application_needs_a_role_beside_its_grant(core: tuple[Core, Run]) -> None:
    edit = Question(Access.UPDATE, Resource("TASK_DEF", "a"))
    world = World([], [], [(APPLICATION, edit.resource, Access.UPDATE)], [])
    found = told(core, world, "app:one", edit)
    assert found.missing == "role METADATA_API"
    assert found.remedies[0].text == "give USER:app:one the role METADATA_API"
    found = told(core, World([], [(APPLICATION, "METADATA_API")], world.grants, []), "app:one", edit)
    (path,) = found.paths
    assert [step.type for step in path.via] == ["GRANT", "ROLE"]


def test_the_smallest_remedies_come_without_the_role_admin(core: tuple[Core, Run]) -> None:
    found = told(core, World([], [("GROUP:dev", "READER")], [], []), "ada", READ_SECRET)
    assert [remedy.text for remedy in found.remedies] == [
        "grant READ on SECRET_NAME a to USER:ada", "put USER:ada into GROUP:dev", "give USER:ada the role READER",
    ]  # fmt: skip


def test_nobody_unknown_is_explained(core: tuple[Core, Run]) -> None:
    with pytest.raises(NotFound, match="there is no user eve"):
        told(core, World([], [], [], []), "eve", READ_SECRET)
