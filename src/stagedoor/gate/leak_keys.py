"""The public keys of those who may report leaks: fetched from the addresses that the operator names, kept for a while.

A key that is not known is looked for at most once a minute, so that nobody makes this server fetch at will.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec

from stagedoor.gate.address import EgressSettings
from stagedoor.gate.message import Limits, OutboundRequest, target_of
from stagedoor.gate.outbound import Outbound, OutboundError
from stagedoor.kit.clock import Clock
from stagedoor.kit.errors import BadInput, Unavailable
from stagedoor.kit.signature import VerifyingKey

URLS = "STAGEDOOR_LEAKS_KEYS_URL"
GITHUB = "https://api.github.com/meta/public_keys/secret_scanning"
LIMITS = Limits(seconds=10, body=256 * 1024)
MOST_KEYS = 100
LONGEST_ID = 200
FRESH_SECONDS, AGAIN_SECONDS, STALE_SECONDS = 60 * 60.0, 60.0, 24 * 60 * 60.0
"""Asked anew after FRESH, at most every AGAIN; without an answer the keys count until STALE."""


class _Key(msgspec.Struct):
    key_identifier: str
    key: str


class _Keys(msgspec.Struct):
    public_keys: list[_Key]


@dataclass
class Source:
    """One address, and what it answered last. Times are monotonic seconds."""

    url: str
    keys: dict[str, VerifyingKey] = field(default_factory=dict)
    read_at: float | None = None
    asked_at: float | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass
class LeakKeys:
    outbound: Outbound
    clock: Clock
    sources: Sequence[Source] = ()

    async def find(self, identifier: str) -> tuple[str, VerifyingKey] | None:
        """(the host it is of, the key). Unavailable where none was ever to be had, so that the reporter comes again."""
        if not 0 < len(identifier) <= LONGEST_ID:
            return None
        for source in self.sources:
            await self._refresh(source, wanted=identifier)
            if identifier in source.keys:
                return target_of(source.url).host, source.keys[identifier]
        if self.sources and all(source.read_at is None for source in self.sources):
            raise Unavailable("the public keys of those who report leaks cannot be had right now")
        return None

    async def _refresh(self, source: Source, wanted: str) -> None:
        """Whoever shows a key that is known and fresh waits for nobody who does not."""
        if self._enough(source, wanted, awaited=source.lock.locked()):
            return
        async with source.lock:
            if self._enough(source, wanted, awaited=False):
                return
            source.asked_at = now = self.clock.monotonic()
            found = await self._fetch(source.url)
            if found is not None:
                source.keys, source.read_at = found, now

    def _enough(self, source: Source, wanted: str, *, awaited: bool) -> bool:
        """Nothing need, or may, be asked now. `awaited`: an answer is, which may bring the key. Keys that are stale are forgotten."""
        now = self.clock.monotonic()
        age = STALE_SECONDS if source.read_at is None else now - source.read_at
        if age >= STALE_SECONDS:
            source.keys, source.read_at = {}, None
        if age < FRESH_SECONDS and wanted in source.keys:
            return True
        return source.asked_at is not None and now - source.asked_at < AGAIN_SECONDS and not awaited

    async def _fetch(self, url: str) -> dict[str, VerifyingKey] | None:
        try:
            answer = await self.outbound.send(OutboundRequest("GET", url, (("Accept", "application/json"),)))
            listed = msgspec.json.decode(answer.body, type=_Keys).public_keys if answer.status == 200 else []
        except (OutboundError, BadInput, msgspec.DecodeError):
            return None
        loaded = {one.key_identifier: VerifyingKey.load(one.key) for one in listed[:MOST_KEYS]}
        return {name: key for name, key in loaded.items() if key is not None} or None


@asynccontextmanager
async def opened_leak_keys(urls: Sequence[str], egress: EgressSettings, clock: Clock) -> AsyncIterator[LeakKeys]:
    async with Outbound(egress, limits=LIMITS) as outbound:
        yield LeakKeys(outbound, clock, [Source(url) for url in urls])


def leak_key_urls(environ: Mapping[str, str], egress: EgressSettings) -> tuple[str, ...]:
    """From STAGEDOOR_LEAKS_KEYS_URL, by comma; GitHub's where it is not set, none where it is empty. BadInput unless each is https, or
    http to a host that the operator named for what leaves this server."""
    urls = tuple(filter(None, (part.strip() for part in environ.get(URLS, GITHUB).split(","))))
    for url in urls:
        try:
            target = target_of(url)
        except BadInput:
            raise BadInput(f"{URLS}: it is not an absolute https address", URLS) from None
        if target.url.scheme != "https" and not egress.names(target.host):
            raise BadInput(f"{URLS}: https is needed; http is taken only to a host that STAGEDOOR_EGRESS_ALLOW names", URLS)
    return urls
