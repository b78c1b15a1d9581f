"""Every kind of credential, every place where one is shown, and which belongs where (promise 4). A new kind is a row in each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import httpx

from tests.api.authorization.world import new
from tests.support.issuer import GITHUB, Issuers, github
from tests.support.server import ADMIN, Api, LiveServer

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
COOKIES = ("stagedoor_session", "__Host-stagedoor_session", "stagedoor_connect", "__Secure-stagedoor_connect", "token")
"""Every name of a cookie of ours, and one that is none."""
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
ACCESS_TOKEN, ID_TOKEN = (f"urn:ietf:params:oauth:token-type:{word}" for word in ("access_token", "id_token"))


@dataclass
class Holder:
    """Who holds one credential of every kind: an administrator's application. `issuers`: that it trusts, where there are any."""

    server: LiveServer
    http: httpx.Client
    issuers: Issuers | None = None

    @cached_property
    def admin(self) -> Api:
        return self.server.admin()

    @cached_property
    def _made(self) -> tuple[str, dict[str, str]]:
        return self.admin.application(new("holder"), "ADMIN")

    @property
    def application(self) -> str:
        return self._made[0]

    @property
    def access_key(self) -> dict[str, str]:
        return self._made[1]

    @cached_property
    def token(self) -> str:
        return self.server.token(self.access_key["id"], self.access_key["secret"])

    @cached_property
    def api_key(self) -> str:
        key: str = self.server.api(self.token).call("POST", "/api/keys", {"name": "one"})["key"]
        return key

    @cached_property
    def secret_key(self) -> str:
        key: str = self.admin.call("POST", "/api/projects/default/secret-keys", {"name": "one"})["secretKey"]
        return key

    @cached_property
    def publishable_key(self) -> str:
        key: str = self.admin.call("GET", "/api/projects/default")["publishableKey"]
        return key

    @cached_property
    def end_user(self) -> str:
        body = {"companyName": "Acme", "sourceId": new("source"), "email": "acme@example.com"}
        return str(self._v1("/v1/end-users", body)["id"])

    def client_secret(self) -> str:
        """A new one each time: opened, it is used up."""
        link = self._v1("/v1/auth-sessions", {"publishableKey": self.publishable_key, "endUserId": self.end_user})["authFlowUrl"]
        return str(link).partition("/connect/")[2].partition("?")[0]

    @cached_property
    def console_session(self) -> str:
        """The cookie; not among those of `http`, which shows nothing by itself."""
        body = {"email": ADMIN, "password": self.server.first["password"]}
        answer = httpx.post(f"{self.server.url}/session", json=body, headers=OWN_PAGE, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.cookies[COOKIES[0]]

    @cached_property
    def execution_token(self) -> str:
        """Of a run that the administrator wrote, started and works on."""
        workflow, task = new("workflow"), new("task")
        node = {"name": task, "taskReferenceName": "one", "inputParameters": {"_executionToken": {}}}
        self.admin.save({"name": workflow, "version": 1, "ownerEmail": "a@example.com", "tasks": [node]})
        self.admin.start(workflow)
        found: str = self.admin.call("POST", f"/api/tasks/{self.admin.poll(task, timeout=20_000)[0]['taskId']}/token")["token"]
        return found

    def issued(self) -> str:
        """Of an issuer that the application trusts, where it trusts one."""
        if self.issuers is None:
            return ""
        if not hasattr(self, "_trusted"):
            terms = {"issuer": GITHUB, "audience": "https://stagedoor.example.com", "conditions": {"repository": "octo-org/octo-repo"}}
            self._trusted = self.admin.call("POST", f"/api/applications/{self.application}/trusts", terms)
        return self.issuers.by_url[GITHUB].token(github())

    def _v1(self, path: str, body: dict[str, str]) -> dict[str, str]:
        answer = self.http.post(path, json=body, headers={"Authorization": f"Bearer {self.secret_key}"})
        assert answer.status_code == 200, answer.text
        found: dict[str, str] = answer.json()
        return found


CREDENTIALS: Mapping[str, Callable[[Holder], str]] = {
    "access token": lambda holder: holder.token,
    "access key": lambda holder: holder.access_key["secret"],
    "API key": lambda holder: holder.api_key,
    "secret key": lambda holder: holder.secret_key,
    "publishable key": lambda holder: holder.publishable_key,
    "client secret": lambda holder: holder.client_secret(),
    "console session": lambda holder: holder.console_session,
    "federated token": lambda holder: holder.issued(),
    "execution token": lambda holder: holder.execution_token,
}


def _cookies(text: str) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={text}" for name in COOKIES)}


def _exchanged(holder: Holder, text: str, kind: str) -> httpx.Response:
    fields = {"grant_type": EXCHANGE, "subject_token": text, "subject_token_type": kind, "client_id": holder.application}
    return holder.http.post("/oauth/token", data={k: v for k, v in fields.items() if kind == ID_TOKEN or k != "client_id"})


PLACES: Mapping[str, Callable[[Holder, str], httpx.Response]] = {
    "X-Authorization": lambda holder, text: holder.http.get("/api/secrets", headers={"X-Authorization": text}),
    "Authorization": lambda holder, text: holder.http.get("/api/secrets", headers={"Authorization": f"Bearer {text}"}),
    "without Bearer": lambda holder, text: holder.http.get("/api/secrets", headers={"Authorization": text}),
    "cookie": lambda holder, text: holder.http.get("/api/secrets", headers={**OWN_PAGE, **_cookies(text)}),
    "/v1 cookie": lambda holder, text: holder.http.get("/v1/end-users", headers={**OWN_PAGE, **_cookies(text)}),
    "/oauth cookie": lambda holder, text: holder.http.post(
        "/oauth/introspect", data={"token": "any"}, headers={**OWN_PAGE, **_cookies(text)}
    ),
    "/connect cookie": lambda holder, text: httpx.get(f"{holder.server.url}/connect/", headers=_cookies(text)),
    "/session cookie": lambda holder, text: holder.http.post("/session/token", headers={**OWN_PAGE, **_cookies(text)}),
    "/session X-Authorization": lambda holder, text: holder.http.post("/session/token", headers={**OWN_PAGE, "X-Authorization": text}),
    "/session Authorization": lambda holder, text: holder.http.post(
        "/session/token", headers={**OWN_PAGE, "Authorization": f"Bearer {text}"}
    ),
    "query": lambda holder, text: holder.http.get("/api/secrets", params={"token": text, "api_key": text, "access_token": text}),
    "basic": lambda holder, text: holder.http.get("/api/secrets", auth=("token", text)),
    "/v1": lambda holder, text: holder.http.get("/v1/end-users", headers={"Authorization": f"Bearer {text}"}),
    "/v1 X-Authorization": lambda holder, text: holder.http.get("/v1/end-users", headers={"X-Authorization": text}),
    "link": lambda holder, text: holder.http.get(f"/connect/{text}", params={"key": holder.publishable_key}),
    "link's key": lambda holder, text: holder.http.get(f"/connect/{holder.client_secret()}", params={"key": text}),
    "/api/token": lambda holder, text: holder.http.post("/api/token", json={"keyId": holder.access_key["id"], "keySecret": text}),
    "oauth client": lambda holder, text: holder.http.post(
        "/oauth/token", data={"grant_type": "client_credentials"}, auth=(holder.access_key["id"], text)
    ),
    "oauth caller": lambda holder, text: holder.http.post(
        "/oauth/introspect", data={"token": "any"}, headers={"Authorization": f"Bearer {text}"}
    ),
    "subject token": lambda holder, text: _exchanged(holder, text, ACCESS_TOKEN),
    "issuer's token": lambda holder, text: _exchanged(holder, text, ID_TOKEN),
}
DIAGONAL: Mapping[str, frozenset[str]] = {
    "access token": frozenset({"X-Authorization", "Authorization", "oauth caller", "subject token"}),
    "access key": frozenset({"/api/token", "oauth client"}),
    "API key": frozenset({"Authorization"}),
    "secret key": frozenset({"/v1"}),
    "publishable key": frozenset({"link's key"}),
    "client secret": frozenset({"link"}),
    "console session": frozenset({"/session cookie"}),
    "federated token": frozenset({"issuer's token"}),
    "execution token": frozenset({"X-Authorization", "Authorization"}),
}
"""Where each is accepted; nowhere else."""
