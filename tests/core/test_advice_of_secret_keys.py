"""Usage and advice of whoever shows a project's secret key: what was granted to it, by what it used."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from stagedoor.bootstrap import Core
from stagedoor.core.principal import Principal, project_user
from stagedoor.core.usage import DAY
from stagedoor.kit.clock import SystemClock
from stagedoor.kit.errors import NotFound
from stagedoor.store.store import Transaction
from tests.core.worlds import Run, numbers, opened


@dataclass
class Later(SystemClock):
    """In a hundred days."""

    def now(self) -> int:
        return super().now() + 100 * DAY


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Core, Run]]:
    with opened(tmp_path_factory.mktemp("advice")) as made:
        yield made


def test_a_grant_that_no_secret_key_used_is_proposed_to_go(core: tuple[Core, Run]) -> None:
    made, run = core
    project = f"p{next(numbers)}"
    who, advisor = Principal(project, project_user(project)), replace(made.advisor, clock=Later())

    def within(tx: Transaction) -> None:
        made.projects.create(tx, project, project)
        assert who.user not in advisor.subjects(tx, project)
        for name in ("used", "idle"):
            columns = {"target_type": "WORKFLOW_DEF", "target_id": name, "access": "EXECUTE", "granted_by": "root", "granted_at": 1}
            tx.do("grant_insert", project_id=project, subject=who.subject, **columns)
        now = advisor.clock.now()
        use = {"access": "EXECUTE", "kind": "WORKFLOW_DEF", "name": "used", "domain": "", "count": 3, "day": now // DAY, "last_at": now}
        tx.do("usage_add", project_id=project, subject=who.subject, credential="key", **use)

        found = advisor.advice(tx, who, 90)
        assert [str(item) for item in found.removes] == ["EXECUTE on WORKFLOW_DEF idle"]
        assert (found.adds, found.refused, found.gone, found.replayed) == ((), (), (), 1)
        assert [one.count for one in advisor.beside(tx, who, 90).uses] == [3]
        assert advisor.subjects(tx, project) == [who.user]
        with pytest.raises(NotFound):
            advisor.beside(tx, Principal(project, project_user("another")), 90)

    run(within)
