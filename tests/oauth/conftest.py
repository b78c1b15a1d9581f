"""A live server that reaches three issuers on this machine, once for all tests that need one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.oauth.oauth import Client, client
from tests.support.issuer import AUDIENCE, Issuer, Issuers, issuers
from tests.support.server import live_server


@dataclass(frozen=True)
class Trusting:
    """An application that trusts an issuer."""

    client: Client
    issuers: Issuers

    def issuer(self, url: str) -> Issuer:
        return self.issuers.by_url[url]

    def trusts(self, method: str = "GET", body: Any = None, at: str = "", status: int | None = 200) -> Any:
        path = f"/api/applications/{self.client.application}/trusts{at}"
        return self.client.server.admin().call(method, path, body, status=status)

    def trust(self, url: str, conditions: dict[str, str], **terms: Any) -> str:
        found: str = self.trusts("POST", {"issuer": url, "audience": AUDIENCE, "conditions": conditions, **terms})["id"]
        return found


@pytest.fixture(scope="module")
def keyless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Issuers]]:
    folder = tmp_path_factory.mktemp("keyless")
    with issuers(folder) as made, live_server(folder, **made.environment) as server:
        yield server, made


@pytest.fixture
def trusting(keyless: tuple[Any, Issuers], request: pytest.FixtureRequest) -> Trusting:
    """Of this test alone."""
    server, made = keyless
    return Trusting(client(server, request.node.name[:200], "WORKER"), made)
