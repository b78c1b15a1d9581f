"""Several callers at the same moment, on a database where transactions really run at once."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.api.authorization.world import new
from tests.support.server import Api, LiveServer

pytestmark = pytest.mark.postgres
CALLERS = 8
ROUNDS = 25


@pytest.fixture(scope="module")
def users(postgres_node: LiveServer) -> list[Api]:
    """Applications that may create things, and see none of each other's."""
    admin = postgres_node.admin()
    keys = [admin.application(new("user"), "USER")[1] for _ in range(CALLERS)]
    return [postgres_node.api(postgres_node.token(key["id"], key["secret"])) for key in keys]


def at_once(callers: list[Api], call: Callable[[int, Api], httpx.Response]) -> list[int]:
    with ThreadPoolExecutor(len(callers)) as threads:
        return [answer.status_code for answer in threads.map(call, range(len(callers)), callers)]


def test_a_new_secret_has_one_maker(postgres_node: LiveServer, users: list[Api]) -> None:
    """Without the lock on its name a second maker wrote a version of it without any right."""
    admin = postgres_node.admin()
    for _ in range(ROUNDS):
        name = new("secret")
        answers = at_once(users, lambda number, api: api.raw("PUT", f"/api/secrets/{name}", f"value-{number}".encode()))  # noqa: B023
        assert answers.count(200) == 1 and set(answers) <= {200, 403, 409}, answers
        assert admin.raw("GET", f"/api/secrets/{name}").text == f"value-{answers.index(200)}"


def test_a_new_task_definition_has_one_owner(postgres_node: LiveServer, users: list[Api]) -> None:
    admin = postgres_node.admin()
    for _ in range(ROUNDS):
        name = new("task")
        answers = at_once(users, lambda number, api: api.raw("POST", "/api/metadata/taskdefs", [{"name": name}]))  # noqa: B023
        assert answers.count(200) == 1 and set(answers) <= {200, 403, 409}, answers
        assert len(admin.call("GET", f"/api/auth/authorization/TASK_DEF/{name}")["EXECUTE"]) == 1


def test_the_versions_of_a_new_workflow_have_one_owner(postgres_node: LiveServer, users: list[Api]) -> None:
    admin = postgres_node.admin()
    task = {"name": "t", "taskReferenceName": "t", "type": "SIMPLE"}
    for _ in range(ROUNDS):
        name = new("workflow")

        def save(number: int, api: Api, name: str = name) -> httpx.Response:
            return api.raw("POST", "/api/metadata/workflow", {"name": name, "version": number + 1, "tasks": [task]})

        answers = at_once(users, save)
        assert answers.count(200) == 1 and set(answers) <= {200, 403, 409}, answers
        assert len(admin.call("GET", f"/api/auth/authorization/WORKFLOW_DEF/{name}")["EXECUTE"]) == 1


def test_the_same_refusal_many_times_at_once_is_that_refusal_each_time(postgres_node: LiveServer) -> None:
    admin = postgres_node.admin()
    _, key = admin.application(new("nobody"))
    nobody = postgres_node.api(postgres_node.token(key["id"], key["secret"]))
    answers: Counter[int] = Counter()
    for _ in range(ROUNDS):
        path = f"/api/secrets/{new('secret')}"
        answers.update(at_once([nobody] * CALLERS, lambda number, api: api.raw("GET", path)))  # noqa: B023
    assert answers == {403: ROUNDS * CALLERS}
