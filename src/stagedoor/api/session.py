"""`/session`: the console's own sign-in (docs/decisions/0039-console-sessions.md). Its cookie is read here and nowhere else.

A browser adds a cookie to whatever request any page makes, so each route asks first where a request comes from: `Sec-Fetch-Site` (W3C
Fetch Metadata) says it, or `Origin` (RFC 6454) where a browser leaves that out.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from stagedoor.api.address import base_url
from stagedoor.api.authenticate import presented
from stagedoor.api.http import Request, Response
from stagedoor.api.router import Options, Route
from stagedoor.api.rules import Public
from stagedoor.gate.exchange import SESSION_LIFE, SignIn
from stagedoor.gate.server import Server
from stagedoor.kit.errors import BadInput, Forbidden
from stagedoor.kit.secretvalue import SecretValue

NAME = "stagedoor_session"
MOST_COOKIES = 5
"""Of one name that a request brings: so many sessions are ended."""
SECOND_PROOF = "no token or key is taken here, only the session's cookie: leave this header out"
USUAL_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class OwnPage(Public):
    """No request of another site's page, and no proof beside the cookie: no request speaks for two."""

    text: str = "a page of this server itself, by Sec-Fetch-Site or Origin; without X-Authorization and Authorization"

    async def check(self, server: Server, request: Request) -> None:
        if not from_own_page(request, base_url(server, request)):
            server.gate.exchange.failures.count(request.client)
            raise Forbidden("only a page of this server may ask for this (missing: Sec-Fetch-Site: same-origin, or this server's Origin)")
        for header, _ in presented(request):
            raise BadInput(f"{header}: {SECOND_PROOF}", header)


class ConsoleToken(msgspec.Struct, frozen=True, rename="camel"):
    """An access token that the session minted. `expires_at` in epoch milliseconds."""

    token: str
    expires_at: int

    def __repr__(self) -> str:
        return f"ConsoleToken(token=***, expires_at={self.expires_at})"


class SignedIn(ConsoleToken, frozen=True, rename="camel"):
    """With who is signed in, and where."""

    user: str
    project: str


async def sign_in(server: Server, request: Request) -> Response:
    """Signs a browser in with a password: a cookie for the session, and a first access token of 10 minutes."""
    opened = await server.console.open(request.payload, _cookies(server, request), request.client)
    claims = opened.token.claims
    answer = SignedIn(opened.token.text, claims.exp * 1000, opened.who.user, opened.who.project)
    return Response.json(answer).with_header("set-cookie", _set(server, request, opened.cookie.reveal(), SESSION_LIFE // 1000))


async def token(server: Server, request: Request) -> Response:
    """Another access token of 10 minutes, for the session whose cookie is shown."""
    minted = await server.console.token(_cookie(server, request) or SecretValue(""), request.client)
    return Response.json(ConsoleToken(minted.text, minted.claims.exp * 1000))


async def sign_out(server: Server, request: Request) -> Response:
    """Ends the session, with every token that it minted; its cookie goes."""
    for cookie in _cookies(server, request):
        await server.console.close(cookie, request.client)
    return Response.empty().with_header("cache-control", "no-store").with_header("set-cookie", _set(server, request, "", 0))


def from_own_page(request: Request, base: str) -> bool:
    """By what a browser says of itself and no page can change. A request that says nothing is no browser's, or hides where it is from."""
    if sites := request.header_all("sec-fetch-site"):
        return sites == ["same-origin"]
    return request.header_all("origin") == [_origin(base)]


def _origin(base: str) -> str | None:
    """As browsers write it (RFC 6454, 6.2). None where the address is none."""
    try:
        parts = urlsplit(base)
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname or ""
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" + (f":{port}" if port is not None and port != USUAL_PORTS.get(parts.scheme) else "")


def _cookie(server: Server, request: Request) -> SecretValue | None:
    """None as well where there are two: whoever added one may have meant it to go before ours."""
    found = _cookies(server, request)
    return found[0] if len(found) == 1 else None


def _cookies(server: Server, request: Request) -> list[SecretValue]:
    """Those of the session's name, MOST_COOKIES of them: to be ended, each."""
    name = _cookie_name(_secure(server, request))
    pairs = [part.strip().partition("=") for header in request.header_all("cookie") for part in header.split(";")]
    return [SecretValue(value) for key, _, value in pairs if key == name][:MOST_COOKIES]


def _set(server: Server, request: Request, value: str, seconds: int) -> str:
    secure = _secure(server, request)
    return f"{_cookie_name(secure)}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{'; Secure' if secure else ''}"


def _cookie_name(secure: bool) -> str:
    """Over TLS nobody but this very host can set one of this name (RFC 6265bis, 4.1.3.2)."""
    return f"__Host-{NAME}" if secure else NAME


def _secure(server: Server, request: Request) -> bool:
    return base_url(server, request).startswith("https:")


LIMIT = 16 * 1024
ROUTES: tuple[Route, ...] = (
    Route("POST", "/session", sign_in, OwnPage(), SignIn, options=Options(strict=True, limit=LIMIT, answer=SignedIn)),
    Route("POST", "/session/token", token, OwnPage(), options=Options(limit=LIMIT, answer=ConsoleToken)),
    Route("DELETE", "/session", sign_out, OwnPage(), options=Options(limit=LIMIT)),
)
