"""The official conductor-node SDK, unchanged and in a folder of its own, against a live server: `tests/sdk/conductor_node`."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sdk.customers import Counted, counted_server
from tests.support.sdk import Report, conductor_node, run_checks

pytestmark = [pytest.mark.sdk_js, pytest.mark.slow, pytest.mark.timeout(300)]

MAIN = Path(__file__).parent / "conductor_node" / "main.cjs"


def names() -> list[str]:
    """Every check there is, read from the source, so that one that does not run is missed."""
    return re.findall(r'^check\("([^"]+)"', MAIN.read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Report, Counted]]:
    node, folder = conductor_node()
    with counted_server(tmp_path_factory.mktemp("conductor-node")) as (server, counted, environment):
        yield run_checks([node, str(MAIN)], server, environment | {"NODE_PATH": str(folder / "node_modules")}), counted


def test_it_is_the_official_sdk(ran: tuple[Report, Counted]) -> None:
    assert ran[0].sdk == "12.43.0"


def test_every_check_ran(ran: tuple[Report, Counted]) -> None:
    assert sorted(ran[0].errors) == sorted(names()), ran[0].output[-3000:]
    assert len(names()) > 8


@pytest.mark.parametrize("name", names())
def test_sdk(name: str, ran: tuple[Report, Counted]) -> None:
    assert ran[0].errors[name] is None, ran[0].errors[name]


def test_no_error_is_sent_again(ran: tuple[Report, Counted]) -> None:
    """One request for the end user, one for its double; and nowhere an answer that the SDK would ask for once more."""
    _, counted = ran
    check = "a taken sourceId is a bad request"
    assert {key: count for key, count in counted.sent.items() if key[0] == check} == {(check, "POST", "/v1/end-users"): 2}
    assert counted.answers[check] == {200: 1, 400: 1}
    assert {status for answers in counted.answers.values() for status in answers} == {200, 400, 401, 404}
    assert counted.answers["a wrong key is unauthenticated"] == {401: 4}
