"""A live server with two projects, on each database."""

from collections.abc import Iterator

import pytest

from tests.api.authorization.tenancy import Pair, pair
from tests.support import postgres


@pytest.fixture(scope="package", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Tests may add to the two projects and make others; what `Things` names stays as it is."""
    folder = tmp_path_factory.mktemp("projects")
    if request.param == "sqlite":
        with pair(folder, None) as made:
            yield made
        return
    with postgres.database(request.getfixturevalue("postgres_server")) as url, pair(folder, url) as made:
        yield made
