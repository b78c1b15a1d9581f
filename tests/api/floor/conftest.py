from collections.abc import Iterator

import pytest

from tests.api.floor.live import Live, serving


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with serving() as running:
        yield running
