"""The hosted flow: an end user opens a link, picks an integration, fills in its fields or goes through its provider (decision 0034).

What proves the end user is the link, once, and after that the cookie it was swapped for. Nothing here has a principal of the project.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from stagedoor.core.auth_session import AuthSessions
from stagedoor.core.connection import Connections, Lives, actor
from stagedoor.core.integration import Integration, Integrations, NewIntegration, OAuth, check_slug
from stagedoor.core.principal import Principal
from stagedoor.core.publishable_key import PublishableKeys
from stagedoor.core.secret import encoded
from stagedoor.core.visit import Visit, Visits
from stagedoor.gate.provider import Exchange, ProviderFailed, Providers, authorization_url
from stagedoor.kit.crypto import digest, same
from stagedoor.kit.errors import BadInput, Conflict, NotFound
from stagedoor.kit.ids import new_token
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store.store import Store, Transaction

CALLBACK = "/connect/callback"
"""An address for each integration (RFC 9700, 4.4.2.2): else a provider that one project names could send browsers on to another's, and be
brought the code that this one gives."""
_LONGEST = 4096
_ERROR = re.compile(r"[a-z_]{1,40}")


class LinkUnusable(NotFound):
    """This link cannot be used: it has expired, was used before, or is not complete."""


class VisitOver(NotFound):
    """This page is no longer open: too much time has passed, or cookies are switched off."""


class Incomplete(BadInput):
    """some fields are not filled in as they must be; `problems` says what is wrong with each, by its name"""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("some fields are not filled in", next(iter(problems), ""))
        self.problems = dict(problems)


class NotGranted(Conflict):
    """the provider sent the browser back without what was asked for; the message is one for the end user"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A visit, with the token that its forms carry against forgery. `company`: whom it connects, so that nobody fills in another's page."""

    visit: Visit
    csrf: str
    company: str


@dataclass(frozen=True, slots=True)
class _Begun:
    """What a browser that comes back was sent away for."""

    integration: Integration
    oauth: OAuth
    verifier: str
    client_secret: SecretValue | None


@dataclass(frozen=True)
class Connecting:
    store: Store
    sessions: AuthSessions
    publishable: PublishableKeys
    integrations: Integrations
    connections: Connections
    visits: Visits
    providers: Providers

    # -- the link
    async def redeem(self, secret: str, publishable_key: str) -> str:
        """The cookie that the link is swapped for; LinkUnusable. A link with another project's key is not spent."""

        def within(tx: Transaction) -> str | None:
            session = self.sessions.by_client_secret(tx, digest(secret))
            if session is None or not same(self.publishable.of(tx, session.project) or "", publishable_key):
                return None
            self.sessions.end_users.must_exist(tx, session.project, session.end_user_id)
            cookie, who = self.visits.begin(tx, session), actor(session.project, session.end_user_id)
            target = f"END_USER {session.end_user_id}"
            if cookie is None:
                self.connections.audit.refusal(tx, who, "connect.open", target, f"{session.id} was used before")
                return None
            self.connections.audit.change(tx, who, "connect.open", target, session.id)
            return cookie

        cookie = await self.store.write(within)
        if cookie is None:
            raise LinkUnusable
        return cookie

    async def seen(self, cookie: str) -> Seen:
        """The visit of a cookie; VisitOver."""

        def read(tx: Transaction) -> Seen | None:
            visit = self.visits.of(tx, cookie)
            if visit is None:
                return None
            end_user = self.sessions.end_users.get(tx, visit.project, visit.end_user_id)
            return Seen(visit, self.visits.token(tx, visit, "csrf"), end_user.company_name)

        found = await self.store.read(read)
        if found is None:
            raise VisitOver
        return found

    # -- what there is to connect
    async def choices(self, visit: Visit) -> list[Integration]:
        return await self.store.scan(lambda tx: self.integrations.all(tx, visit.project))

    async def integration(self, visit: Visit, slug: str) -> Integration:
        """NotFound."""
        return await self.store.read(lambda tx: self.integrations.get(tx, visit.project, slug))

    # -- a form
    async def fill(self, visit: Visit, slug: str, given: Mapping[str, str]) -> None:
        """What the end user filled in becomes its values, and the visit ends. Incomplete, NotFound; Conflict where it changed meanwhile."""
        integration = await self.integration(visit, slug)
        if integration.oauth is not None:
            raise NotFound(f"integration {slug} has no form")
        values = {field.name: SecretValue(given[field.name]) for field in integration.fields if given.get(field.name)}
        problems = {field.name: "Fill in this field." for field in integration.fields if field.required and field.name not in values}
        for name, value in values.items():
            try:
                encoded(value)
            except BadInput:
                problems[name] = "This is too long, or holds characters that no text has."
        if problems:
            raise Incomplete(problems)
        await self.store.write(lambda tx: self._give(tx, visit, integration, values))

    def _give(
        self, tx: Transaction, visit: Visit, integration: Integration, values: Mapping[str, SecretValue], lives: Lives | None = None
    ) -> None:
        if not self.visits.end(tx, visit):
            raise VisitOver
        self.connections.give(tx, actor(visit.project, visit.end_user_id), integration, values, lives)

    # -- a provider
    async def provider_url(self, visit: Visit, integration: Integration, base: str) -> str:
        """Where the browser goes to: made anew each time, so that two windows do not disturb each other. NotFound: it has no provider.

        `base`: the address that browsers reach this server by, without a slash at its end."""
        oauth = integration.oauth
        if oauth is None:
            raise NotFound(f"integration {integration.slug} has no provider")
        nonce = new_token("")
        state, verifier = await self.store.read(lambda tx: self._flow(tx, visit, integration.slug, oauth, nonce))
        return authorization_url(oauth, state=state, verifier=verifier, redirect_uri=base + callback_path(visit.project, integration.slug))

    async def come_back(self, visit: Visit, where: str, answer: Mapping[str, str], base: str) -> None:
        """The browser is back from the provider (RFC 6749 4.1.2): the access token becomes the end user's value, and the visit ends.

        `where`: the path that it came to. NotGranted tells the end user what to do; the audit says why."""
        begun = await self.store.read(lambda tx: self._begun(tx, visit, where, answer.get("state", "")))
        if begun is None:
            raise NotGranted("This answer does not belong to what was begun here. Please start again.")
        integration, oauth, code = begun.integration, begun.oauth, answer.get("code", "")
        slug = integration.slug
        if "error" in answer or not code or len(code) > _LONGEST:
            said = answer.get("error", "")
            await self._refused(visit, slug, f"the provider said {said}" if _ERROR.fullmatch(said) else "the provider sent no code")
            raise NotGranted(f"{integration.name} did not give its permission.")
        if oauth.issuer is not None and answer.get("iss", oauth.issuer) != oauth.issuer:  # RFC 9207: of several providers, this one
            await self._refused(visit, slug, "the answer names another issuer")
            raise NotGranted("This answer does not belong to what was begun here. Please start again.")
        try:
            granted = await self.providers.exchange(oauth, Exchange(code, begun.verifier, base + where, begun.client_secret))
        except ProviderFailed as problem:
            await self._refused(visit, slug, problem.message)
            raise NotGranted(f"{integration.name} could not be reached, or did not give its permission. Please try again.") from None
        lives = granted.lives(self.connections.clock.now())
        await self.store.write(lambda tx: self._give(tx, visit, integration, {oauth.field: granted.token}, lives))

    def _begun(self, tx: Transaction, visit: Visit, where: str, state: str) -> "_Begun | None":
        """All that the exchange needs, in one transaction. None where a browser is not back from what it was sent to: the code is for
        the token endpoint that the integration had then."""
        slug, _, rest = state.partition(".")
        try:
            integration, secret = self.integrations.with_secret(tx, visit.project, check_slug(slug))
        except (BadInput, NotFound):
            return None
        oauth = integration.oauth
        if oauth is None or where != callback_path(visit.project, slug):
            return None
        expected, verifier = self._flow(tx, visit, slug, oauth, rest.partition(".")[0])
        return _Begun(integration, oauth, verifier, secret) if same(expected, state) else None

    def _flow(self, tx: Transaction, visit: Visit, slug: str, oauth: OAuth, nonce: str) -> tuple[str, str]:
        """(state, PKCE's verifier) of one time that a browser is sent away; nothing of either is stored."""
        words = (slug, oauth.authorization_endpoint, oauth.token_endpoint, nonce)
        verifier = self.visits.token(tx, visit, "verifier", *words)
        return f"{slug}.{nonce}.{self.visits.token(tx, visit, 'state', *words)}", verifier

    async def _refused(self, visit: Visit, slug: str, why: str) -> None:
        who, target = actor(visit.project, visit.end_user_id), f"END_USER {visit.end_user_id}"
        detail = f"integration {slug}: {why}"
        await self.store.write(lambda tx: self.connections.audit.refusal(tx, who, "connection.save", target, detail))

    # -- what an administrator does
    async def create(self, who: Principal, new: NewIntegration) -> dict[str, object]:
        self._check(new)
        return await self.store.write(lambda tx: self.integrations.create(tx, who, new))

    async def replace(self, who: Principal, slug: str, new: NewIntegration) -> dict[str, object]:
        self._check(new)
        return await self.store.write(lambda tx: self.integrations.replace(tx, who, slug, new))

    async def delete(self, who: Principal, slug: str) -> None:
        await self.store.write(lambda tx: self.integrations.delete(tx, who, slug))

    async def shown(self, who: Principal, slug: str) -> dict[str, object]:
        return await self.store.read(lambda tx: self.integrations.shown(tx, who.project, slug))

    async def shown_all(self, who: Principal) -> list[dict[str, object]]:
        return await self.store.scan(lambda tx: self.integrations.shown_all(tx, who.project))

    def _check(self, new: NewIntegration) -> None:
        if new.oauth is not None:
            self.providers.check(new.oauth)


def callback_path(project: str, slug: str) -> str:
    """What is registered at the provider, behind the public address."""
    return f"{CALLBACK}/{project}/{slug}"
