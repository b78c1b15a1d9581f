"""An end user's way to a connection, over HTTP and without a browser: links, pages, forms, and runs in an end user's name."""

import itertools
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.server import Api, LiveServer

_numbers = itertools.count(1)
CSRF = re.compile(r'name="csrf" value="([0-9a-f]+)"')


@dataclass
class Customer:
    """A browser without its looks: cookies, no redirects followed unasked."""

    http: httpx.Client

    def open(self, link: str) -> httpx.Response:
        """To the first page behind the link."""
        return self.follow(self.http.get(link))

    def follow(self, answer: httpx.Response) -> httpx.Response:
        while answer.status_code == 303 and answer.headers["location"].startswith("/"):
            answer = self.http.get(answer.headers["location"])
        return answer

    def fill(self, page: httpx.Response, **values: str) -> httpx.Response:
        """The form on a page, sent as a browser sends it."""
        found = CSRF.search(page.text)
        assert found, page.text
        fields = {"csrf": found[1], **{f"field.{name}": value for name, value in values.items()}}
        return self.http.post(page.url.raw_path.decode(), data=fields)


@dataclass
class Shop:
    """One project's side: an administrator, its keys, its end users."""

    server: LiveServer
    admin: Api
    project: str = "default"
    key: str = ""
    secret_key: str = ""

    def end_user(self) -> str:
        body = {"companyName": "Acme", "sourceId": f"customer-{next(_numbers)}", "email": "acme@example.com"}
        made: str = self.v1("POST", "/v1/end-users", body)["id"]
        return made

    def v1(self, method: str, path: str, body: Any = None) -> Any:
        answer = httpx.request(method, f"{self.server.url}{path}", json=body, headers={"Authorization": f"Bearer {self.secret_key}"})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def link(self, end_user: str, **more: Any) -> str:
        body = {"publishableKey": self.key, "endUserId": end_user, **more}
        made: str = self.v1("POST", "/v1/auth-sessions", body)["authFlowUrl"]
        return made

    def customer(self) -> Customer:
        self.server.clients.append(httpx.Client(base_url=self.server.url, timeout=30))
        return Customer(self.server.clients[-1])

    def integration(self, *names: str, **more: Any) -> str:
        """One with these secret fields."""
        slug = more.pop("slug", f"integration-{next(_numbers)}")
        body = {"slug": slug, "name": f"Service {slug}", "fields": [{"name": name, "label": name.title()} for name in names], **more}
        self.admin.call("POST", f"/api/projects/{self.project}/integrations", body)
        return slug

    def connect(self, end_user: str, slug: str, **values: str) -> None:
        """All of the flow at once."""
        customer = self.customer()
        customer.open(self.link(end_user))
        page = customer.http.get(f"/connect/integrations/{slug}")
        assert customer.fill(page, **values).headers["location"] == "/connect/done"

    def alter(self, sql: str, *values: Any) -> None:
        """The database, as somebody who has it; or as time would."""
        with closing(sqlite3.connect(self.server.data / "stagedoor.db", timeout=30)) as file:
            file.execute(sql, values)
            file.commit()

    def run_for(self, end_user: str | None, workflow: str, api: Api | None = None, status: int | None = 200) -> Any:
        headers = {"Conductor-End-User-Id": end_user} if end_user else {}
        return (api or self.admin).call("POST", f"/api/workflow/{workflow}", {}, status, headers=headers)


def shop(server: LiveServer) -> Shop:
    admin = server.admin()
    key = admin.call("GET", "/api/projects/default")["publishableKey"]
    secret = admin.call("POST", "/api/projects/default/secret-keys", {"name": f"shop {next(_numbers)}"})["secretKey"]
    return Shop(server, admin, key=key, secret_key=secret)


def fresh(word: str) -> str:
    """A name that nothing else has."""
    return f"{word}_{next(_numbers)}"


def handing(name: str, secret: str, task_type: str) -> dict[str, Any]:
    """A workflow of one worker task that names a secret."""
    node = {"name": task_type, "taskReferenceName": "work", "inputParameters": {"key": f"${{workflow.secrets.{secret}}}"}}
    return {"name": name, "version": 1, "tasks": [{**node, "type": "SIMPLE"}]}


def sending(name: str, secret: str, uri: str) -> dict[str, Any]:
    """A workflow of one HTTP task that sends a secret in a header."""
    request = {"uri": uri, "method": "GET", "headers": {"Authorization": f"Bearer ${{workflow.secrets.{secret}}}"}}
    node = {"name": "call", "taskReferenceName": "call", "type": "HTTP", "inputParameters": {"http_request": request}}
    return {"name": name, "version": 1, "tasks": [node]}
