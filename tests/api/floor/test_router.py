"""The route table: which row answers."""

import pytest

from stagedoor.api.http import Request, Response
from stagedoor.api.router import Options, Route, Router
from stagedoor.kit.errors import MethodNotAllowed, NotFound


async def handler(_: Request) -> Response:
    return Response.empty()


def router(*rows: str) -> Router:
    return Router(Route(method, path, handler, "anybody") for method, _, path in (row.partition(" ") for row in rows))


ORKES = router(
    "GET /workflow/{id}",
    "POST /workflow/{name}",
    "GET /workflow/search",
    "PUT /workflow/bulk/pause",
    "GET /workflow/{workflowId}/tasks",
    "POST /workflow/start/{name}/{version}",
    "GET /tasks/poll/{type}",
    "GET /tasks/poll/batch/{type}",
    "GET /tasks/{id}/log",
)


@pytest.mark.parametrize(
    ("method", "path", "found", "params"),
    [
        ("GET", "workflow/search", "/workflow/search", {}),
        ("POST", "workflow/search", "/workflow/{name}", {"name": "search"}),
        ("POST", "workflow/start", "/workflow/{name}", {"name": "start"}),
        ("GET", "workflow/bulk/tasks", "/workflow/{workflowId}/tasks", {"workflowId": "bulk"}),
        ("POST", "workflow/start/a/1", "/workflow/start/{name}/{version}", {"name": "a", "version": "1"}),
        ("GET", "tasks/poll/batch", "/tasks/poll/{type}", {"type": "batch"}),
        ("GET", "tasks/poll/batch/x", "/tasks/poll/batch/{type}", {"type": "x"}),
        ("GET", "tasks/poll/log", "/tasks/poll/{type}", {"type": "log"}),
        ("GET", "tasks/{id}/log", "/tasks/{id}/log", {"id": "{id}"}),
    ],
)
def test_a_literal_goes_before_a_placeholder_where_it_leads_somewhere(method: str, path: str, found: str, params: dict[str, str]) -> None:
    route, values = ORKES.find(method, path.split("/"))
    assert (route.path, values) == (found, params)


def test_a_wrong_method_names_all_that_the_address_takes() -> None:
    with pytest.raises(MethodNotAllowed):
        ORKES.find("DELETE", ["workflow", "search"])
    assert ORKES.allowed(["workflow", "search"]) == ["GET", "POST"]


@pytest.mark.parametrize("path", ["", "workflow", "workflow/", "workflow/a/b/c/d", "tasks//log"])
def test_no_such_address(path: str) -> None:
    with pytest.raises(NotFound):
        ORKES.find("GET", path.split("/"))


@pytest.mark.promise(9)
def test_a_route_without_a_rule_cannot_exist() -> None:
    with pytest.raises(ValueError, match="has no rule"):
        Route("GET", "/x", handler, None)


def test_a_row_cannot_stand_twice() -> None:
    with pytest.raises(ValueError, match="stands twice"):
        router("GET /a/{b}", "GET /a/{c}")


def test_head_is_taken_only_where_said() -> None:
    with_head = Router([Route("GET", "/a", handler, "anybody", options=Options(head=True)), Route("GET", "/b", handler, "anybody")])
    assert with_head.find("HEAD", ["a"])
    with pytest.raises(MethodNotAllowed):
        with_head.find("HEAD", ["b"])


@pytest.mark.parametrize(("method", "path"), [("BREW", "/a"), ("GET", "a"), ("get", "/a")])
def test_a_row_that_says_nothing_is_refused(method: str, path: str) -> None:
    with pytest.raises(ValueError, match="no method and path"):
        Route(method, path, handler, "anybody")
