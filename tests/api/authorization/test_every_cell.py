"""Every route, for every kind of caller, about one's own things, others', another project's and none: `table.py` over HTTP."""

from collections.abc import Callable, Iterator

import pytest

from tests.api.authorization.cast import Cast, cast_on
from tests.api.authorization.table import TABLE
from tests.support import postgres

pytestmark = [pytest.mark.promise(9), pytest.mark.timeout(300)]
ROWS = {row.cell: row for row in TABLE}
FIFTH = 5
"""Of more than ten thousand cells the quick tests ask a fifth, another one for each row. The slow ones ask the other four on SQLite and
a fifth on PostgreSQL, `make soak` all on PostgreSQL."""
SHARES: dict[str, Callable[[int], bool]] = {
    "a fifth": lambda number: number % FIFTH == 0,
    "the other four": lambda number: number % FIFTH != 0,
    "all": lambda number: True,
}
HOW = [
    pytest.param(("sqlite", "a fifth"), id="sqlite, a fifth"),
    pytest.param(("sqlite", "the other four"), id="sqlite, the other four", marks=pytest.mark.slow),
    pytest.param(("postgres", "a fifth"), id="postgres, a fifth", marks=[pytest.mark.slow, pytest.mark.postgres]),
    pytest.param(("postgres", "all"), id="postgres", marks=[pytest.mark.soak, pytest.mark.postgres]),
]


@pytest.fixture(scope="module", params=HOW)
def how(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cast, str]]:
    """(everybody, on a live server; which share of the cells is asked)."""
    (database, share), folder = request.param, tmp_path_factory.mktemp("cells")
    if database == "sqlite":
        with cast_on(folder, None) as made:
            yield made, share
        return
    with postgres.database(request.getfixturevalue("postgres_server")) as url, cast_on(folder, url) as made:
        yield made, share


@pytest.mark.parametrize("cell", ROWS)
def test_each_caller_gets_from_each_route_what_the_table_says(cell: str, how: tuple[Cast, str]) -> None:
    (cast, share), first = how, list(ROWS).index(cell) % FIFTH
    found = list(cast.differences(ROWS[cell], lambda number: SHARES[share](number - first)))
    assert not found, "\n".join(["not as the table says:", *found])
