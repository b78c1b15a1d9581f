"""Reads of OpenBao and HashiCorp Vault: KV version 2, with a token or by AppRole (https://openbao.org/api-docs/secret/kv/kv-v2/).

Requests go out as those of workflows do, to checked addresses alone (gate/outbound.py). What is said of a failure is made here, from
the status and the names that an administrator gave: never a text, an address or a header of the answer.
"""

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any
from urllib.parse import quote

from stagedoor.core.external import Source, Store
from stagedoor.gate.address import ALLOW, AddressRefused, EgressSettings
from stagedoor.gate.message import Limits, OutboundRequest, OutboundResponse, target_of
from stagedoor.gate.outbound import Outbound, OutboundError
from stagedoor.gate.shared import Shared
from stagedoor.kit import strictjson
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import BadInput, StagedoorError
from stagedoor.kit.secretvalue import SecretValue

LIMITS = Limits(seconds=10, body=1024 * 1024)
CONNECT_MS, READ_MS = 3_000, 5_000
TOO_LARGE = "larger than"
"""In what `Outbound` says of an answer: that is no failure of the whole store."""
MOST_TOKENS = 1_000
EARLY_SECONDS = 10
"""A token got by AppRole is used until so long before its end, a shorter one for half of its time."""
MOST_LOGINS, LOGINS_SECONDS = 20, 60.0
"""Logins by one AppRole within so long, refused ones included: a secretId may be good for few, and the store counts failures."""


class Scope(Enum):
    """What a failure says something of, and so what is left alone for a while."""

    STORE = "store"
    PATH = "path"
    NOTHING_THERE = "nothing there"
    """The store answered that there is no such value: a task that needs it fails for good, as with a secret that does not exist."""


class FetchFailed(StagedoorError):
    """a value could not be had from its store; the message names store and kind of failure, and a path where that is what is wrong"""

    def __init__(self, message: str, scope: Scope) -> None:
        super().__init__(message)
        self.scope = scope


@dataclass(frozen=True, slots=True)
class _Token:
    value: SecretValue
    until: float


@dataclass(frozen=True)
class Vault:
    outbound: Outbound
    egress: EgressSettings
    clock: Clock
    _tokens: dict[str, _Token] = field(default_factory=dict)
    """By the store's revision; those got by AppRole."""
    _logins: Shared[str, SecretValue] = field(default_factory=Shared)
    _logged_in: dict[str, deque[float]] = field(default_factory=dict)
    """When, the last `MOST_LOGINS` times; by the store's revision."""

    def check_address(self, address: str) -> None:
        """BadInput unless it is https, or http to a host that the operator named; the address itself is checked with each request."""
        if "?" in address or "#" in address:
            raise BadInput("address: it must not hold ? or #", "address")
        try:
            target = target_of(address)
            if target.address is not None:
                self.egress.check(target.host, target.address)
        except (BadInput, AddressRefused) as problem:
            raise BadInput(f"address: {problem.message.removeprefix('uri: ')}", "address") from None
        if target.url.scheme != "https" and not self.egress.names(target.host):
            raise BadInput(f"address: https is needed; http is taken only to a host that {ALLOW} names", "address")

    async def read(self, store: Store, source: Source) -> SecretValue:
        """All fields at a path, as the text of one JSON object. FetchFailed."""
        path = f"{_quoted(store.settings.mount)}/data/{_quoted(source.path)}"
        query = f"?version={source.version}" if source.version is not None else ""
        answer = await self._ask(store, path + query)
        if answer.status == 404:
            raise _absent(store, source, answer)
        if answer.status == 403:
            raise await self._why_forbidden(store, source)
        data = _within(_json(store, answer), "data", "data") if answer.status == 200 else None
        if not isinstance(data, dict):
            raise _unexpected(store, answer)
        return SecretValue(json.dumps(data, ensure_ascii=False, separators=(",", ":")))

    async def check(self, store: Store) -> None:
        """FetchFailed unless the store answers, takes the credential, and has a KV engine of version 2 at the mount."""
        answer = await self._ask_mount(store)
        if answer.status == 403:
            raise _refused_token(store)
        found = _json(store, answer) if answer.status == 200 else None
        if found is None:
            raise _unexpected(store, answer)
        kind, version = _within(found, "data", "type"), _within(found, "data", "options", "version")
        if kind not in ("kv", "generic") or version != "2":
            raise FetchFailed(f"store {store.name}: {store.settings.mount} is no mount of KV version 2", Scope.STORE)

    async def close(self) -> None:
        await self._logins.close()

    async def _ask(self, store: Store, path: str) -> OutboundResponse:
        """The answer to a GET; a token got by AppRole that is good no more is got anew once."""
        token = await self._token(store)
        answer = await self._send(store, "GET", path, token)
        if answer.status != 403 or store.settings.role_id is None or await self._is_good(store, path, token):
            return answer
        held = self._tokens.get(store.revision)
        if held is not None and held.value is token:
            del self._tokens[store.revision]
        return await self._send(store, "GET", path, await self._token(store))

    async def _ask_mount(self, store: Store) -> OutboundResponse:
        return await self._ask(store, _mount_of(store))

    async def _is_good(self, store: Store, refused: str, token: SecretValue) -> bool:
        """Of a token that was refused something: is it that alone? Else whoever may name paths would use up the AppRole's logins.

        A token without any right in the mount may ask about itself still, and one without the policy `default` may not.
        """
        for path in (_mount_of(store), "auth/token/lookup-self"):
            if path != refused and (await self._send(store, "GET", path, token)).status != 403:
                return True
        return False

    async def _token(self, store: Store) -> SecretValue:
        if store.settings.role_id is None:
            return store.credential
        held = self._tokens.get(store.revision)
        if held is not None and self.clock.monotonic() < held.until:
            return held.value
        return await self._logins(store.revision, partial(self._login, store))

    async def _login(self, store: Store) -> SecretValue:
        """By AppRole; a secretId may be good for few of them."""
        now = self.clock.monotonic()
        self._count_login(store, now)
        body = {"role_id": store.settings.role_id or "", "secret_id": store.credential.reveal()}
        answer = await self._send(store, "POST", f"auth/{_quoted(store.settings.auth_mount or 'approle')}/login", None, body)
        if answer.status in (400, 403, 404):
            raise FetchFailed(f"store {store.name}: it refuses the AppRole's roleId or secretId", Scope.STORE)
        found = _json(store, answer) if answer.status == 200 else None
        token, seconds = _within(found, "auth", "client_token"), _within(found, "auth", "lease_duration")
        if not isinstance(token, str) or not isinstance(seconds, int):
            raise _unexpected(store, answer)
        while len(self._tokens) >= MOST_TOKENS:
            self._tokens.pop(next(iter(self._tokens)))
        until = now + seconds - min(EARLY_SECONDS, seconds / 2) if seconds else float("inf")
        self._tokens[store.revision] = _Token(SecretValue(token), until)
        return self._tokens[store.revision].value

    def _count_login(self, store: Store, now: float) -> None:
        """FetchFailed where there were too many of late."""
        times = self._logged_in.setdefault(store.revision, deque(maxlen=MOST_LOGINS))
        if len(times) == MOST_LOGINS and now < times[0] + LOGINS_SECONDS:
            why = f"its AppRole had to log in {MOST_LOGINS} times within {LOGINS_SECONDS:g} s"
            raise FetchFailed(f"store {store.name}: {why}; its tokens live too short, or are good for too few uses", Scope.STORE)
        times.append(now)
        while len(self._logged_in) > MOST_TOKENS:
            self._logged_in.pop(next(iter(self._logged_in)))

    async def _send(
        self, store: Store, method: str, path: str, token: SecretValue | None, body: Mapping[str, str] | None = None
    ) -> OutboundResponse:
        headers = [("Accept", "application/json"), ("X-Vault-Request", "true")]
        if token is not None:
            headers.append(("X-Vault-Token", token.reveal()))
        if store.settings.namespace is not None:
            headers.append(("X-Vault-Namespace", quote(store.settings.namespace, safe="/")))
        data = None if body is None else strictjson.encode(body)
        url = f"{store.settings.address}/v1/{path}"
        try:
            return await self.outbound.send(OutboundRequest(method, url, tuple(headers), data, CONNECT_MS, READ_MS))
        except OutboundError as problem:
            failure = _unanswered(store, problem.message, Scope.PATH if TOO_LARGE in problem.kind else Scope.STORE)
        except BadInput as problem:
            failure = _unanswered(store, problem.message, Scope.PATH)
        raise failure

    async def _why_forbidden(self, store: Store, source: Source) -> FetchFailed:
        """A store answers alike for a token that is revoked and for one whose policy says no: only the first may not see the mount."""
        if (await self._ask_mount(store)).status == 200:
            return FetchFailed(f"store {store.name}: the policy of its token does not allow to read {source.path}", Scope.PATH)
        return _refused_token(store)


def field_of(store: str, source: Source, document: SecretValue) -> SecretValue:
    """The value of a source in what was read: a text as it is, anything else as JSON. FetchFailed names a field that is not there."""
    if source.field is None:
        return document
    fields = json.loads(document.reveal())
    if source.field not in fields:
        raise FetchFailed(f"store {store}: there is no field {source.field} at {source.path}", Scope.NOTHING_THERE)
    value = fields[source.field]
    return SecretValue(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _mount_of(store: Store) -> str:
    return f"sys/internal/ui/mounts/{_quoted(store.settings.mount)}"


def _quoted(path: str) -> str:
    return quote(path, safe="/")


def _json(store: Store, answer: OutboundResponse) -> Any:
    try:
        return strictjson.decode(answer.body)
    except BadInput:
        problem = _unexpected(store, answer)
    raise problem


def _within(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _absent(store: Store, source: Source, answer: OutboundResponse) -> FetchFailed:
    """404 is a version that was deleted, a path that is not there, or, with errors in it, a mount that is not there."""
    found = _json(store, answer)
    if _within(found, "errors"):
        return FetchFailed(f"store {store.name}: there is no mount {store.settings.mount}", Scope.STORE)
    version = f" of version {source.version}" if source.version is not None else ""
    deleted = "what was there is deleted" if _within(found, "data", "metadata") else f"there is nothing{version}"
    return FetchFailed(f"store {store.name}: {deleted} at {source.path}", Scope.NOTHING_THERE)


def _refused_token(store: Store) -> FetchFailed:
    what = "the AppRole's token" if store.settings.role_id is not None else "the token"
    why = f"revoked, expired, or without any right in the mount {store.settings.mount}"
    return FetchFailed(f"store {store.name}: it refuses {what}: {why}", Scope.STORE)


def _unanswered(store: Store, why: str, scope: Scope) -> FetchFailed:
    return FetchFailed(f"store {store.name}: the request to it failed: {why}", scope)


def _unexpected(store: Store, answer: OutboundResponse) -> FetchFailed:
    kinds = {429: "it is asked too often", 472: "it is a recovery site", 473: "it is a standby", 503: "it is sealed, or under maintenance"}
    kind = kinds.get(answer.status, "it answered with something else than a value")
    if 300 <= answer.status < 400:
        kind = "it answered with a redirect, which is not followed: name the active node, or what stands in front of all"
    scope = Scope.STORE if answer.status >= 300 and answer.status != 400 else Scope.PATH
    return FetchFailed(f"store {store.name}: {kind} (status {answer.status})", scope)
