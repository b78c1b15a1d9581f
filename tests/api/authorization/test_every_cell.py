"""Every route, for every kind of caller, about one's own things, others', another project's and none: `table.py` over HTTP."""

from collections.abc import Iterator

import pytest

from tests.api.authorization.cast import Cast, cast_on
from tests.api.authorization.table import TABLE
from tests.support import postgres

pytestmark = [pytest.mark.promise(9), pytest.mark.timeout(300)]
ROWS = {row.cell: row for row in TABLE}
FIFTH = 5
"""Of more than ten thousand cells the quick tests ask a fifth, another one for each row. The slow ones ask all on SQLite and a fifth
on PostgreSQL, `make soak` all on both."""
HOW = [
    pytest.param(("sqlite", FIFTH), id="sqlite, a fifth"),
    pytest.param(("sqlite", 1), id="sqlite", marks=pytest.mark.slow),
    pytest.param(("postgres", FIFTH), id="postgres, a fifth", marks=[pytest.mark.slow, pytest.mark.postgres]),
    pytest.param(("postgres", 1), id="postgres", marks=[pytest.mark.soak, pytest.mark.postgres]),
]


@pytest.fixture(scope="module", params=HOW)
def how(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cast, int]]:
    """(everybody, on a live server; one cell of how many is asked)."""
    (database, step), folder = request.param, tmp_path_factory.mktemp("cells")
    if database == "sqlite":
        with cast_on(folder, None) as made:
            yield made, step
        return
    with postgres.database(request.getfixturevalue("postgres_server")) as url, cast_on(folder, url) as made:
        yield made, step


@pytest.mark.parametrize("cell", ROWS)
def test_each_caller_gets_from_each_route_what_the_table_says(cell: str, how: tuple[Cast, int]) -> None:
    cast, step = how
    found = list(cast.differences(ROWS[cell], slice(list(ROWS).index(cell) % step, None, step)))
    assert not found, "\n".join(["not as the table says:", *found])
