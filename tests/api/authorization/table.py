"""Who gets what from each route, written by hand in `expect_*.py`: what `api/routes.py` is held to, cell by cell (promise 9)."""

from tests.api.authorization import expect_people, expect_runs, expect_things
from tests.api.authorization.notation import Row

TABLE: tuple[Row, ...] = (*expect_people.ROWS, *expect_things.ROWS, *expect_runs.ROWS)
