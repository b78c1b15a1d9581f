"""The keys of the OpenID issuers that applications trust: discovery (OpenID Connect Discovery 1.0, 4) and key sets (RFC 7517).

An issuer is called only where a trust names it. Requests go out as those of workflows do, to checked addresses alone (gate/outbound.py).
What is known is bounded in number, size and time; an unknown key is looked for at most once a minute.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from stagedoor.gate.address import ALLOW, AddressRefused, EgressSettings
from stagedoor.gate.message import Limits, OutboundRequest, target_of
from stagedoor.gate.outbound import Outbound, OutboundError
from stagedoor.gate.recent import Recent
from stagedoor.gate.shared import Shared
from stagedoor.kit import strictjson
from stagedoor.kit.assertion import IssuerKey, issuer_keys
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import BadInput, Unavailable

LIMITS = Limits(seconds=10, body=512 * 1024)
CONNECT_MS, READ_MS = 3_000, 5_000
FRESH, STALE = 10 * 60.0, 60 * 60.0
"""Seconds until keys are fetched again, and until they count no more where that fails."""
AGAIN, AGAIN_FAILED = 60.0, 5.0
"""Seconds between two fetches for a key that was not among them, and after one that failed."""
MOST_ISSUERS = 500
WELL_KNOWN = "/.well-known/openid-configuration"

log = logging.getLogger(__name__)


class IssuerUnavailable(Unavailable):
    """the issuer's keys could not be had; the message names the host and the kind of failure"""


@dataclass(frozen=True, slots=True)
class _Known:
    keys: dict[str, IssuerKey]
    at: float
    problem: IssuerUnavailable | None = None
    tried: float = 0.0


@dataclass(frozen=True)
class Issuers:
    outbound: Outbound
    egress: EgressSettings
    clock: Clock
    _known: Recent[str, _Known] = field(default_factory=lambda: Recent(MOST_ISSUERS))
    _fetches: Shared[str, _Known] = field(default_factory=Shared)

    def check_issuer(self, issuer: str) -> None:
        """BadInput unless it can be one: an https address without query and fragment, or http to a host that the operator named."""
        self._check_address(issuer, "issuer")

    async def key(self, issuer: str, kid: str) -> IssuerKey | None:
        """The key of that name, or None where the issuer has none. IssuerUnavailable."""
        known, now = self._known.get(issuer), self.clock.monotonic()
        if known is None or self._due(known, kid, now):
            known = await self._fetches(issuer, lambda: self._fetch(issuer))
        if known.problem is not None and (kid not in known.keys or now - known.at > STALE):
            raise known.problem
        return known.keys.get(kid)

    def asked(self, issuer: str) -> bool:
        """Whether its keys were asked for before: a trust named it then."""
        return self._known.get(issuer) is not None

    async def close(self) -> None:
        await self._fetches.close()

    def _due(self, known: _Known, kid: str, now: float) -> bool:
        if known.problem is not None:
            return now - known.tried > AGAIN_FAILED
        return now - known.at > FRESH or (kid not in known.keys and now - known.at > AGAIN)

    async def _fetch(self, issuer: str) -> _Known:
        before, now = self._known.get(issuer), self.clock.monotonic()
        try:
            document = await self._document(f"{issuer.rstrip('/')}{WELL_KNOWN}")
            if document.get("issuer") != issuer:
                raise IssuerUnavailable("the issuer's discovery document names another issuer")
            address = document.get("jwks_uri")
            if not isinstance(address, str):
                raise IssuerUnavailable("the issuer's discovery document names no jwks_uri")
            self._check_address(address, "jwks_uri")
            found = _Known(issuer_keys(await self._document(address)), now)
        except (BadInput, OutboundError, IssuerUnavailable) as failed:
            problem = IssuerUnavailable(f"the issuer's keys cannot be had: {failed.message}")
            log.warning("issuer %s: %s", ascii(issuer), problem.message)
            kept = before or _Known({}, now - STALE - 1)
            found = _Known(kept.keys, kept.at, problem, now)
        self._known.put(issuer, found)
        return found

    async def _document(self, url: str) -> dict[str, Any]:
        request = OutboundRequest("GET", url, (("Accept", "application/json"),), None, CONNECT_MS, READ_MS)
        answer = await self.outbound.send(request)
        if answer.status != 200:
            raise IssuerUnavailable(f"{target_of(url).host}: it answered {answer.status}")
        try:
            document = strictjson.decode(answer.body, max_depth=16)
        except BadInput:
            document = None
        if not isinstance(document, dict):
            raise IssuerUnavailable(f"{target_of(url).host}: its answer is not a JSON object")
        return document

    def _check_address(self, address: str, field_name: str) -> None:
        if "#" in address or (field_name == "issuer" and "?" in address):
            raise BadInput(f"{field_name}: it must not hold ? or #", field_name)
        try:
            target = target_of(address)
            if target.address is not None:
                self.egress.check(target.host, target.address)
        except (BadInput, AddressRefused) as problem:
            raise BadInput(f"{field_name}: {problem.message.removeprefix('uri: ')}", field_name) from None
        if target.url.scheme != "https" and not self.egress.names(target.host):
            raise BadInput(f"{field_name}: https is needed; http is taken only to a host that {ALLOW} names", field_name)


@asynccontextmanager
async def opened_issuers(egress: EgressSettings, clock: Clock) -> AsyncIterator[Issuers]:
    """With connections of their own, so that slow workflows keep nobody out."""
    async with Outbound(egress, limits=LIMITS) as outbound:
        issuers = Issuers(outbound, egress, clock)
        try:
            yield issuers
        finally:
            await issuers.close()
