"""The official conductor-py SDK, unchanged and in an environment of its own, against a live server: `tests/sdk/conductor_py`."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sdk.customers import Counted, counted_server
from tests.support.sdk import Report, conductor_py, run_checks

pytestmark = [pytest.mark.sdk, pytest.mark.slow, pytest.mark.timeout(300)]

MAIN = Path(__file__).parent / "conductor_py" / "main.py"


def names() -> list[str]:
    """Every check there is, read from the source, so that one that does not run is missed."""
    return re.findall(r"^@check\ndef (\w+)", MAIN.read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Report, Counted]]:
    interpreter = conductor_py()
    with counted_server(tmp_path_factory.mktemp("conductor-py")) as (server, counted, environment):
        yield run_checks([interpreter, "-P", str(MAIN)], server, environment), counted


def test_it_is_the_official_sdk(ran: tuple[Report, Counted]) -> None:
    assert ran[0].sdk == "1.92.3"


def test_every_check_ran(ran: tuple[Report, Counted]) -> None:
    assert sorted(ran[0].errors) == sorted(names()), ran[0].output[-3000:]
    assert len(names()) > 8


@pytest.mark.parametrize("name", names())
def test_sdk(name: str, ran: tuple[Report, Counted]) -> None:
    assert ran[0].errors[name] is None, ran[0].errors[name]


def test_no_error_is_sent_again(ran: tuple[Report, Counted]) -> None:
    """One request for the end user, one for its double; and nowhere an answer that the SDK would ask for once more."""
    _, counted = ran
    check = "a_taken_source_id_is_a_bad_request"
    assert {key: count for key, count in counted.sent.items() if key[0] == check} == {(check, "POST", "/v1/end-users"): 2}
    assert counted.answers[check] == {200: 1, 400: 1}
    assert counted.answers.pop("a_conflict_would_be_sent_three_times") == {409: 3}
    assert {status for answers in counted.answers.values() for status in answers} == {200, 400, 401, 404}
    assert counted.answers["a_wrong_key_is_unauthenticated"] == {401: 4}
