"""Any order of puts, rollbacks, destructions and deletions against a list in memory; and two of them at once, on both databases."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagedoor.bootstrap import Core, make_core
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT
from stagedoor.core.secret_version import Version, destroy, refuse_in_use, roll_back, versions
from stagedoor.kit.clock import SystemClock
from stagedoor.kit.crypto import Key
from stagedoor.kit.errors import Conflict, NotFound
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store import Store, Transaction
from tests.core.worlds import Run, many, opened

WHO = Principal(DEFAULT, "ada@example.com")
values = st.text(max_size=6)
numbers = st.integers(-1, 8)
deeds = st.one_of(
    st.tuples(st.just("put"), values), st.tuples(st.just("roll back"), numbers), st.tuples(st.just("destroy"), numbers),
    st.tuples(st.just("delete"), st.none()),
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Core, Run]]:
    with opened(tmp_path_factory.mktemp("versions")) as (core, run):
        run(lambda tx: core.projects.create(tx, DEFAULT, DEFAULT))
        yield core, run


class Model:
    """A secret as a list of values: None where one was destroyed."""

    def __init__(self) -> None:
        self.kept: list[str | None] = []

    def do(self, deed: str, given: Any) -> str:
        if deed == "put":
            self.kept.append(given)
            return "done"
        if deed == "delete":
            self.kept = []
            return "done"
        if not 1 <= given <= len(self.kept):
            return "NotFound"
        if deed == "roll back":
            if self.kept[given - 1] is None:
                return "Conflict"
            self.kept.append(self.kept[given - 1])
        elif given == len(self.kept):
            return "Conflict"
        else:
            self.kept[given - 1] = None
        return "done"


def real(core: Core, deed: str, given: Any) -> Callable[[Transaction], int | None]:
    """The same in a transaction; the number of the version that a rollback made."""

    def within(tx: Transaction) -> int | None:
        if deed == "roll back":
            return roll_back(tx, core.secrets, WHO, "s", given)
        if deed == "put":
            core.secrets.put(tx, WHO, "s", SecretValue(given))
        elif deed == "delete":
            core.secrets.delete(tx, WHO, "s")
        else:
            refuse_in_use(tx, DEFAULT, "s", given)
            destroy(tx, core.secrets, WHO, "s", given)
        return None

    return within


def outcome(run: Run, fn: Callable[[Transaction], object]) -> str:
    try:
        run(fn)
    except (Conflict, NotFound) as problem:
        return type(problem).__name__
    return "done"


@many
@given(st.lists(deeds, max_size=14))
def test_any_order_of_deeds_leaves_what_a_list_would(made: tuple[Core, Run], steps: list[tuple[str, Any]]) -> None:
    core, run = made
    model = Model()
    run(lambda tx: core.secrets.delete(tx, WHO, "s"))
    for deed, about in steps:
        assert outcome(run, real(core, deed, about)) == model.do(deed, about), (deed, about)
        listed: list[Version] = run(lambda tx: versions(tx, DEFAULT, "s")) if model.kept else []
        assert [one.version for one in listed] == list(range(len(model.kept), 0, -1))
        assert [one.current for one in listed] == [True, *[False] * (len(listed) - 1)][: len(listed)]
        assert [one.destroyed_at is None for one in reversed(listed)] == [value is not None for value in model.kept]
        if model.kept:
            assert run(lambda tx: core.secrets.open(tx, DEFAULT, "s").value.reveal()) == model.kept[-1]


def test_destroying_asks_again_whether_the_version_is_current(made: tuple[Core, Run]) -> None:
    """`refuse_in_use` was asked in a transaction before: meanwhile the version may have gone, or the secret may have been made again."""
    core, run = made
    run(lambda tx: core.secrets.delete(tx, WHO, "t"))
    run(lambda tx: core.secrets.put(tx, WHO, "t", SecretValue("needles")))
    for version, refusal in ((1, Conflict), (2, NotFound)):
        with pytest.raises(refusal, match=f"version {version}"):
            run(lambda tx, version=version: destroy(tx, core.secrets, WHO, "t", version))  # type: ignore[misc]
    with pytest.raises(NotFound, match="no version 2"):
        run(lambda tx: roll_back(tx, core.secrets, WHO, "t", 2))


@pytest.fixture
async def core(store: Store) -> Core:
    core = make_core(store, Key(bytes(32)), SystemClock())

    def begin(tx: Transaction) -> None:
        core.projects.create(tx, DEFAULT, DEFAULT)
        core.secrets.put(tx, WHO, "s", SecretValue("first"))

    await store.write(begin)
    return core


@pytest.mark.anyio
async def test_a_rollback_and_the_destruction_of_its_version_follow_one_another(core: Core) -> None:
    """Either the value came back in time, or it is refused; never half of it."""
    for _ in range(8):
        await core.store.write(real(core, "put", "second"))
        before = await core.store.scan(lambda tx: versions(tx, DEFAULT, "s"))
        target = before[1].version  # the value to come back
        came, gone = await asyncio.gather(
            core.store.write(real(core, "roll back", target)), core.store.write(real(core, "destroy", target)), return_exceptions=True
        )
        assert gone is None
        assert isinstance(came, Conflict) or came == before[0].version + 1
        found = await core.store.write(lambda tx: core.secrets.open(tx, DEFAULT, "s"))
        assert found.version == before[0].version + (not isinstance(came, Conflict))
