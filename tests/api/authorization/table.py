"""Who gets what from each route, written by hand in `expect_*.py`: what `api/routes.py` is held to, cell by cell (promise 9)."""

from tests.api.authorization import (
    expect_environment,
    expect_people,
    expect_runs,
    expect_stores,
    expect_things,
    expect_uses,
    expect_versions,
    expect_vouchers,
)
from tests.api.authorization.notation import Row

TABLE: tuple[Row, ...] = (
    *expect_environment.ROWS,
    *expect_people.ROWS,
    *expect_things.ROWS,
    *expect_runs.ROWS,
    *expect_stores.ROWS,
    *expect_uses.ROWS,
    *expect_versions.ROWS,
    *expect_vouchers.ROWS,
)
