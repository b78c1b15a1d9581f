"""What every check uses: the SDK's clients in several names, a record of the requests they make, and `refused`.

Runs in the SDK's own environment: nothing of Stagedoor, nothing of pytest.
"""

import functools
import inspect
import itertools
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from conductor.client.configuration.configuration import Configuration
from conductor.client.configuration.settings.authentication_settings import AuthenticationSettings
from conductor.client.http import rest
from conductor.client.http.models.create_or_update_application_request import CreateOrUpdateApplicationRequest
from conductor.client.http.models.subject_ref import SubjectRef
from conductor.client.http.models.target_ref import TargetRef
from conductor.client.http.rest import ApiException, AuthorizationException
from conductor.client.orkes.orkes_authorization_client import OrkesAuthorizationClient
from conductor.client.orkes.orkes_metadata_client import OrkesMetadataClient
from conductor.client.orkes.orkes_secret_client import OrkesSecretClient
from conductor.client.orkes_clients import OrkesClients

URL = os.environ["CONDUCTOR_SERVER_URL"]
WAIT_SECONDS = 20
_numbers = itertools.count(1)


def unique(stem: str) -> str:
    return f"pysdk_{stem}_{next(_numbers)}"


@dataclass
class Record:
    """(method, path) of every request the SDK made."""

    requests: list[tuple[str, str]] = field(default_factory=list)

    def count(self, method: str, path: str) -> int:
        return sum(1 for request in self.requests if request == (method, path))

    def install(self) -> None:
        """Around the SDK's own transport, which stays what it is."""
        real = rest.RESTClientObject.request

        def request(client: Any, method: str, url: str, *rest_of: Any, **options: Any) -> Any:
            self.requests.append((method.upper(), urlsplit(url).path))
            return real(client, method, url, *rest_of, **options)

        rest.RESTClientObject.request = request


RECORD = Record()


def methods() -> Iterator[tuple[type, str]]:
    """Every public method of the clients that authorization is about, as the SDK has them."""
    for client in (OrkesAuthorizationClient, OrkesMetadataClient, OrkesSecretClient):
        for name, _ in inspect.getmembers(client, inspect.isfunction):
            if not name.startswith("_"):
                yield client, name


@dataclass
class Witness:
    """What became of each of them: "returned" for somebody, "refused" to somebody who is no administrator (see `refused`)."""

    seen: dict[str, set[str]] = field(default_factory=dict)

    def install(self) -> None:
        for client, name in list(methods()):
            self.seen[f"{client.__name__}.{name}"] = set()
            setattr(client, name, self._watched(f"{client.__name__}.{name}", getattr(client, name)))

    def _watched(self, label: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def watched(*arguments: Any, **options: Any) -> Any:
            found = method(*arguments, **options)
            self.seen[label].add("returned")
            return found

        return watched

    def refused(self, call: Callable[..., Any]) -> None:
        client = getattr(call, "__self__", None)
        label = f"{type(client).__name__}.{getattr(call, '__name__', '')}"
        if label not in self.seen:
            return
        key = client.api_client.configuration.authentication_settings
        if key is None or key.key_id != os.environ["CONDUCTOR_AUTH_KEY"]:
            self.seen[label].add("refused")


WITNESS = Witness()


def subject(kind: str, name: str) -> SubjectRef:
    return SubjectRef(kind, name)


@dataclass(frozen=True)
class Actor:
    """An application with a key, and every client in its name."""

    id: str
    key_id: str
    key_secret: str

    @property
    def user(self) -> str:
        return f"app:{self.id}"

    @property
    def subject(self) -> SubjectRef:
        return SubjectRef("USER", self.user)

    def configuration(self) -> Configuration:
        return Configuration(server_api_url=URL, authentication_settings=AuthenticationSettings(self.key_id, self.key_secret))

    def clients(self) -> OrkesClients:
        return OrkesClients(self.configuration())


@dataclass
class World:
    """`admin`: the clients of the first administrator's application, configured by the environment alone."""

    admin: OrkesClients = field(default_factory=lambda: OrkesClients(Configuration()))

    def actor(self, *roles: str) -> Actor:
        authorization = self.admin.get_authorization_client()
        application = authorization.create_application(CreateOrUpdateApplicationRequest(unique("app")))
        for role in roles:
            authorization.add_role_to_application_user(application.id, role)
        key = authorization.create_access_key(application.id)
        return Actor(application.id, key.id, key.secret)

    def stranger(self) -> OrkesClients:
        """The clients of an application with no role and no grant."""
        return self.actor().clients()

    def outlaw(self) -> OrkesClients:
        """The clients of who has a token but no key to get another, and whose token is no longer good."""
        actor = self.actor()
        configuration = actor.configuration()
        configuration.update_token(mint(actor))
        configuration.authentication_settings = None
        self.admin.get_authorization_client().delete_access_key(actor.id, actor.key_id)
        return OrkesClients(configuration)

    def grant(self, actor: Actor, kind: str, name: str, *access: str) -> None:
        self.admin.get_authorization_client().grant_permissions(actor.subject, TargetRef(kind, name), list(access))


def raw(method: str, path: str, actor: Actor, **options: Any) -> httpx.Response:
    """Past the SDK, for what it cannot show (it turns a secret that looks like JSON into an object)."""
    token = mint(actor)
    return httpx.request(method, f"{URL}{path}", headers={"X-Authorization": token}, **options)


def mint(actor: Actor, **options: Any) -> str:
    answer = httpx.post(f"{URL}/token", json={"keyId": actor.key_id, "keySecret": actor.key_secret, **options})
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["token"]
    return token


def refused(status: int, call: Callable[..., Any], *arguments: Any, says: str = "", **options: Any) -> ApiException:
    """The exception of a call that the server refused, with its status and message looked at."""
    problem: ApiException | None = None
    try:
        call(*arguments, **options)
    except ApiException as raised:
        problem = raised
    assert problem is not None, f"expected {status}, but it was allowed"
    assert problem.status == status, f"expected {status}, got {problem}"
    assert says in str(problem.message), f"expected {says!r} in {problem.message!r}"
    assert isinstance(problem, AuthorizationException) == (status in (401, 403)), type(problem)
    WITNESS.refused(call)
    return problem


def until(ready: Callable[[], Any]) -> Any:
    """The first true value of `ready`."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        found = ready()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {WAIT_SECONDS} seconds")
