"""Rotation of a project's secret key while clients by the official conductor-py and conductor-node are at work: not one request fails by
either key while both live, and the old one, once it is retired, is refused as the SDKs know it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stagedoor.core.usage import HOUR
from tests.rotation.keys import held
from tests.rotation.turned import turned_server
from tests.sdk.fleet import fleet
from tests.support.sdk import conductor_node, conductor_py

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
FOLDER = Path(__file__).parent / "rotation"
Command = tuple[list[str], dict[str, str]]
REFUSED = {"type": "AuthenticationError", "status": 401, "error": "API_KEY_INVALID"}


def python() -> Command:
    return [conductor_py(), "-P", str(FOLDER / "secret_key.py")], {}


def node() -> Command:
    node, folder = conductor_node()
    return [node, str(FOLDER / "secret_key.cjs")], {"NODE_PATH": str(folder / "node_modules")}


@pytest.mark.parametrize(
    "sdk",
    [pytest.param(python, marks=pytest.mark.sdk, id="conductor-py"), pytest.param(node, marks=pytest.mark.sdk_js, id="conductor-node")],
)
def test_rotation_of_a_secret_key_at_work_fails_no_request_and_ends_in_a_typed_401(tmp_path: Path, sdk: Callable[[], Command]) -> None:
    with turned_server(tmp_path) as (server, clock):
        old = held("secret_key", server, server.admin())
        command, needed = sdk()
        with fleet(command, {"CONDUCTOR_BASE_URL": f"{server.url}/v1", **needed}) as clients:
            clients.tell("KEY", old.secret)
            clients.more("party 1")
            made, answer = old.rotated(retireAt=clock.now() + HOUR)
            assert answer["replaces"] == old.id
            clients.more("party 1")
            clients.tell("KEY", made.secret)
            clients.more("party 2")
            clients.more("party 1")

            # those by the old key are stopped, its hour comes, and who is left does not notice
            assert clients.told("RELEASE", "released")
            clock.ahead += 2 * HOUR
            clients.more("party 2")
            clients.all_went_well(at_least=60)
            assert clients.told("LATE", "late") == REFUSED
        assert made.works()
        assert not old.works()
