"""A token endpoint that a test speaks for, and a browser's way to a provider and back."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.connect.stage import Customer, Shop, fresh
from tests.support.echo import Received, Reply


class Token:
    """A token endpoint that answers what a test says, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Received] = []
        self.answer: Callable[[], Reply] = lambda: granted()

    def __call__(self, received: Received) -> Reply:
        self.asked.append(received)
        return self.answer()

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.asked[-1].body.decode()).items()}


def granted(**more: Any) -> Reply:
    return said({"access_token": "the token of theirs", "token_type": "Bearer", **more})


def said(value: object, status: int = 200) -> Reply:
    return Reply(status, (("Content-Type", "application/json"),), json.dumps(value).encode())


def provider(here: Shop, url: str, **more: Any) -> tuple[str, str]:
    """(slug, field)."""
    field = fresh("OAUTH")
    return here.integration(oauth=_oauth(url, field, **more), fields=[]), field


def set_provider(here: Shop, slug: str, field: str, url: str) -> None:
    """Another provider in the place of the one that the integration had."""
    body = {"name": f"Service {slug}", "oauth": _oauth(url, field)}
    here.admin.call("PUT", f"/api/projects/{here.project}/integrations/{slug}", body)


def _oauth(url: str, field: str, **more: Any) -> dict[str, Any]:
    return {
        "authorizationEndpoint": f"{url}/auth?tenant=a", "tokenEndpoint": f"{url}/token", "clientId": "shop", "clientSecret": "its secret",
        "field": field, "issuer": "https://issuer.example", **more,
    }  # fmt: skip


def sent_away(here: Shop, slug: str, end_user: str = "") -> tuple[Customer, dict[str, str], str]:
    """(the browser, what it was sent to the provider with, the end user)."""
    customer, end_user = here.customer(), end_user or here.end_user()
    customer.open(here.link(end_user))
    page = customer.http.get(f"/connect/integrations/{slug}").text
    url = page.partition('class="button" href="')[2].partition('"')[0].replace("&amp;", "&")
    return customer, {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}, end_user


def back(customer: Customer, slug: str = "", **answer: str) -> httpx.Response:
    """`slug`: of the integration to whose address the browser comes; usually the one that the state names."""
    slug = slug or answer.get("state", "").partition(".")[0] or "none"
    return customer.http.get(f"/connect/callback/default/{slug}", params=answer)
