"""Who gets what from each route, written by hand in `expect_*.py`: what `api/routes.py` is held to, cell by cell (promise 9)."""

from tests.api.authorization import (
    expect_api_keys,
    expect_connections,
    expect_environment,
    expect_leaks,
    expect_people,
    expect_project_keys,
    expect_rotation,
    expect_runs,
    expect_sessions,
    expect_stores,
    expect_things,
    expect_trusts,
    expect_uses,
    expect_versions,
    expect_vouchers,
)
from tests.api.authorization.notation import Row

TABLE: tuple[Row, ...] = (
    *expect_api_keys.ROWS,
    *expect_connections.ROWS,
    *expect_environment.ROWS,
    *expect_leaks.ROWS,
    *expect_people.ROWS,
    *expect_project_keys.ROWS,
    *expect_rotation.ROWS,
    *expect_things.ROWS,
    *expect_trusts.ROWS,
    *expect_runs.ROWS,
    *expect_sessions.ROWS,
    *expect_stores.ROWS,
    *expect_uses.ROWS,
    *expect_versions.ROWS,
    *expect_vouchers.ROWS,
)
