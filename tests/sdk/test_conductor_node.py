"""The official conductor-node SDK, unchanged and in a folder of its own, against a live server: `tests/sdk/conductor_node`."""

from pathlib import Path

import pytest

from tests.sdk.customers import Ran, check_all_ran, check_once_each, checks_of, ran_in
from tests.support.sdk import conductor_node

pytestmark = [pytest.mark.sdk_js, pytest.mark.slow, pytest.mark.timeout(300)]

MAIN = Path(__file__).parent / "conductor_node" / "main.cjs"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    node, folder = conductor_node()
    return ran_in(tmp_path_factory.mktemp("conductor-node"), [node, str(MAIN)], {"NODE_PATH": str(folder / "node_modules")})


def test_it_is_the_official_sdk_and_every_check_ran(ran: Ran) -> None:
    check_all_ran(ran, MAIN, "12.43.0")


@pytest.mark.parametrize("name", checks_of(MAIN))
def test_sdk(name: str, ran: Ran) -> None:
    assert ran[0].errors[name] is None, ran[0].errors[name]


def test_no_error_is_sent_again(ran: Ran) -> None:
    check_once_each(ran, "a taken sourceId is a bad request", "a wrong key is unauthenticated")
