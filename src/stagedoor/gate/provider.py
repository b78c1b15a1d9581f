"""A provider of OAuth 2.0: where the browser is sent, and the exchange of the code (RFC 6749 4.1, RFC 7636 with S256, RFC 9700).

Answers of a provider are data: what is told of them is their kind, never their text.
"""

from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass, replace
from urllib.parse import quote_plus, urlencode, urlsplit

import msgspec

from stagedoor.core.connection import Lives
from stagedoor.core.integration import OAuth
from stagedoor.gate.address import ALLOW, AddressRefused, EgressSettings
from stagedoor.gate.message import OutboundRequest, OutboundResponse, target_of
from stagedoor.gate.outbound import Outbound, OutboundError
from stagedoor.kit.crypto import fingerprint
from stagedoor.kit.errors import BadInput, StagedoorError
from stagedoor.kit.secretvalue import SecretValue

READ_MS = 15_000
LONGEST_LIFE = 10 * 366 * 24 * 60 * 60
"""Seconds; a token that says it lives longer lives so long."""


class ProviderFailed(StagedoorError):
    """the provider gave no access token; the message says in what way, without anything that it sent. `for_good`: it has refused"""

    def __init__(self, message: str, *, for_good: bool = False) -> None:
        super().__init__(message)
        self.for_good = for_good


@dataclass(frozen=True, slots=True)
class Exchange:
    """A code that came back, with what was made when the browser was sent."""

    code: str
    verifier: str
    redirect_uri: str
    client_secret: SecretValue | None


@dataclass(frozen=True, slots=True)
class Granted:
    """`seconds`: how long the token lives; None: the provider does not say. `refresh`: by which it is had anew, of `endpoint`."""

    token: SecretValue
    seconds: int | None
    refresh: SecretValue | None = None
    endpoint: str = ""

    def lives(self, now: int) -> Lives:
        return Lives(now + self.seconds * 1000 if self.seconds is not None else None, self.refresh, self.endpoint)


@dataclass(frozen=True)
class Providers:
    outbound: Outbound
    egress: EgressSettings

    def check(self, oauth: OAuth) -> None:
        """BadInput unless both endpoints are https, or http to a host that the operator named."""
        for url, field in ((oauth.authorization_endpoint, "authorizationEndpoint"), (oauth.token_endpoint, "tokenEndpoint")):
            place = f"oauth.{field}"
            try:
                target = target_of(url)
                if target.address is not None:
                    self.egress.check(target.host, target.address)
            except (BadInput, AddressRefused) as problem:
                raise BadInput(f"{place}: {problem.message.removeprefix('uri: ')}", place) from None
            if target.url.scheme != "https" and not self.egress.names(target.host):
                raise BadInput(f"{place}: https is needed; http is taken only to a host that {ALLOW} names", place)

    async def exchange(self, oauth: OAuth, asked: Exchange) -> Granted:
        """The access token for a code. ProviderFailed."""
        form = {
            "grant_type": "authorization_code", "code": asked.code, "redirect_uri": asked.redirect_uri, "code_verifier": asked.verifier,
        }  # fmt: skip
        return await self._ask(oauth, form, asked.client_secret)

    async def renew(self, oauth: OAuth, refresh: SecretValue, client_secret: SecretValue | None) -> Granted:
        """The next access token (RFC 6749 6), with the refresh token for the one after it, which may be the same. ProviderFailed."""
        granted = await self._ask(oauth, {"grant_type": "refresh_token", "refresh_token": refresh.reveal()}, client_secret)
        return replace(granted, refresh=granted.refresh or refresh)

    async def _ask(self, oauth: OAuth, form: dict[str, str], client_secret: SecretValue | None) -> Granted:
        try:
            answer = await self.outbound.send(_request(oauth, form, client_secret))
        except (OutboundError, BadInput) as problem:
            raise ProviderFailed(f"its token endpoint could not be asked: {problem.message}") from None
        return replace(_granted(answer), endpoint=oauth.token_endpoint)


def authorization_url(oauth: OAuth, *, state: str, verifier: str, redirect_uri: str) -> str:
    """Where the browser goes (RFC 6749 4.1.1); a query that the endpoint has stays."""
    asked = {
        "response_type": "code", "client_id": oauth.client_id, "redirect_uri": redirect_uri, "state": state,
        "code_challenge": challenge(verifier), "code_challenge_method": "S256",
    }  # fmt: skip
    if oauth.scopes:
        asked["scope"] = " ".join(oauth.scopes)
    joint = "&" if urlsplit(oauth.authorization_endpoint).query else "?"
    return f"{oauth.authorization_endpoint}{joint}{urlencode(asked)}"


def challenge(verifier: str) -> str:
    """RFC 7636 4.2."""
    return urlsafe_b64encode(fingerprint(verifier.encode("ascii"))).decode().rstrip("=")


def _request(oauth: OAuth, form: dict[str, str], secret: SecretValue | None) -> OutboundRequest:
    """RFC 6749 4.1.3 and 6. The client's id and secret go in the header, encoded before they are joined (2.3.1), or in the body."""
    headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")]
    if secret is not None and oauth.token_auth == "basic":  # noqa: S105  the name of a way
        joined = f"{quote_plus(oauth.client_id)}:{quote_plus(secret.reveal())}"
        headers.append(("Authorization", f"Basic {b64encode(joined.encode()).decode()}"))
    else:
        form["client_id"] = oauth.client_id
        if secret is not None:
            form["client_secret"] = secret.reveal()
    body = urlencode(form).encode()
    return OutboundRequest("POST", oauth.token_endpoint, tuple(headers), body, read_timeout=READ_MS)


def _granted(answer: OutboundResponse) -> Granted:
    """RFC 6749 5.1."""
    if answer.status != 200:
        raise ProviderFailed(f"its token endpoint answered {answer.status}", for_good=answer.status in (400, 401))
    try:
        found = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ProviderFailed("its token endpoint answered no JSON") from None
    token, kind = (found.get("access_token"), found.get("token_type")) if isinstance(found, dict) else (None, None)
    if not isinstance(token, str) or not token or not isinstance(kind, str) or kind.lower() != "bearer":
        raise ProviderFailed("its token endpoint answered without a bearer token")
    seconds = found.get("expires_in")
    lives = seconds if isinstance(seconds, int) and not isinstance(seconds, bool) and seconds > 0 else None
    refresh = found.get("refresh_token")
    next_one = SecretValue(refresh) if isinstance(refresh, str) and refresh else None
    return Granted(SecretValue(token), min(lives, LONGEST_LIFE) if lives is not None else None, next_one)
