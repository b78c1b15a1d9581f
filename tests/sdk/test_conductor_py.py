"""The official conductor-py SDK, unchanged and in an environment of its own, against a live server: `tests/sdk/conductor_py`."""

from pathlib import Path

import pytest

from tests.sdk.customers import Ran, check_all_ran, check_once_each, checks_of, ran_in
from tests.support.sdk import conductor_py

pytestmark = [pytest.mark.sdk, pytest.mark.slow, pytest.mark.timeout(300)]

MAIN = Path(__file__).parent / "conductor_py" / "main.py"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return ran_in(tmp_path_factory.mktemp("conductor-py"), [conductor_py(), "-P", str(MAIN)])


def test_it_is_the_official_sdk_and_every_check_ran(ran: Ran) -> None:
    check_all_ran(ran, MAIN, "1.92.3")


@pytest.mark.parametrize("name", checks_of(MAIN))
def test_sdk(name: str, ran: Ran) -> None:
    assert ran[0].errors[name] is None, ran[0].errors[name]


def test_no_error_is_sent_again(ran: Ran) -> None:
    assert ran[1].answers.pop("a_conflict_would_be_sent_three_times") == {409: 3}
    check_once_each(ran, "a_taken_source_id_is_a_bad_request", "a_wrong_key_is_unauthenticated")
