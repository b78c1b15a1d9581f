"""Values of secrets that live in external stores: fetched outside of any transaction, and known to be fresh for a while.

A door asks inside its transaction (`open`). Where the newest value was not fetched within the last `seconds`, it gets a `Wanted` instead:
it ends the transaction without effect, waits for `fetch`, and asks again. A fetched value becomes a sealed version of the secret
(core/external.py), so what is kept in memory is only which version was seen when: a bounded number of marks, and no value.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, TypeVar

from stagedoor.core.external import ExternalStores, Source, Store, Wanted
from stagedoor.core.project import Erased
from stagedoor.core.secret import Handed, LivesElsewhere, Opened, Secrets, encoded
from stagedoor.gate.shared import Shared
from stagedoor.gate.vault import FetchFailed, Scope, Vault, field_of
from stagedoor.kit.clock import Clock
from stagedoor.kit.crypto import SealBroken
from stagedoor.kit.errors import BadInput, NotFound, Unavailable
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store.store import Store as Database
from stagedoor.store.store import Transaction

log = logging.getLogger(__name__)
SECONDS, VALUES = "STAGEDOOR_STORE_CACHE_SECONDS", "STAGEDOOR_STORE_CACHE_VALUES"
K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")

ROUNDS = 3
"""How often a door asks again, where a value it has just fetched is stale or pushed out before it is opened."""
PATH_SECONDS = 5.0
"""How long a path that could not be read is left alone."""
ABSENT_SECONDS = 2.0
"""The same where nothing is there, which ends tasks for good: who has just put it there waits no longer."""
STORE_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""The same for a whole store, after the first failure, the second, ..."""
AT_ONCE = 16
"""Requests to one store."""
MOST_STORES = 1_000
"""Of so many it is known that they are down."""


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """For how long a fetched value is used without asking its store again, and how many are known at once."""

    seconds: int = 60
    values: int = 1_000

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "CacheLimits":
        """BadInput names the variable."""
        default = cls()
        return cls(_number(environ, SECONDS, default.seconds, 1, 3_600), _number(environ, VALUES, default.values, 100, 100_000))


class _Key(NamedTuple):
    """What is known is of this secret, as its source and its store were then."""

    project: str
    name: str
    secret_id: str
    pointer_id: str
    revision: str


class _StoreKey(NamedTuple):
    project: str
    name: str
    revision: str


@dataclass(frozen=True, slots=True)
class _Seen:
    """This version was the store's newest value at `asked_at` (seconds, monotonic)."""

    version: int
    asked_at: float


@dataclass(frozen=True, slots=True)
class Failed:
    """Not to be had until then, and why. `lasting`: the store says that there is no such value. `broken`: what is sealed here of the
    store's credential or the secret is another row's, or its key is gone."""

    reason: str
    until: float
    lasting: bool = False
    broken: bool = False


class NotFetched(Unavailable):
    """the secret lives in an external store, and its value was not fetched in time"""

    def __init__(self, wanted: Wanted) -> None:
        super().__init__()
        self.wanted = wanted


@dataclass(frozen=True, slots=True)
class _Down:
    """A store that failed as a whole, so many times in a row."""

    reason: str
    failures: int
    until: float


@dataclass
class Stores:
    """Marks are changed on the event loop alone; a transaction may read them on any thread."""

    database: Database
    secrets: Secrets
    external: ExternalStores
    vault: Vault
    clock: Clock
    limits: CacheLimits = field(default_factory=CacheLimits)
    _marks: dict[_Key, _Seen | Failed] = field(default_factory=dict)
    _down: dict[_StoreKey, _Down] = field(default_factory=dict)
    _slots: dict[_StoreKey, asyncio.Semaphore] = field(default_factory=dict)
    _fetches: Shared[_Key, None] = field(default_factory=Shared)
    _documents: Shared[tuple[_StoreKey, str, int | None], SecretValue] = field(default_factory=Shared)

    def open(self, tx: Transaction, project: str, name: str, handed: Handed | None = None) -> Opened | Wanted | Failed:
        """The secret's value, wherever it lives. `Wanted`: fetch it first; `Failed`: that was tried just now. NotFound by name."""
        try:
            return self.secrets.open(tx, project, name, handed)
        except LivesElsewhere as found:
            return self._known(tx, self.external.wanted(tx, project, found))

    def opened(self, tx: Transaction, project: str, name: str) -> Opened:
        """As `open`, for a transaction that `write` begins anew after a fetch. NotFound, Unavailable: what the store said; SealBroken."""
        found = self.open(tx, project, name)
        if isinstance(found, Failed):
            if found.broken:
                raise SealBroken(found.reason)
            raise NotFound(found.reason) if found.lasting else Unavailable(found.reason)
        if isinstance(found, Wanted):
            raise NotFetched(found)
        return found

    async def write(self, fn: Callable[[Transaction], T]) -> T:
        """`database.write`, again where `opened` missed a value; what `fn` did until then is undone."""
        for _ in range(ROUNDS):
            try:
                return await self.database.write(fn)
            except NotFetched as missing:
                await self.fetch([missing.wanted])
        return await self.database.write(fn)

    def _known(self, tx: Transaction, wanted: Wanted) -> Opened | Wanted | Failed:
        mark, now = self._marks.get(_key(wanted)), self.clock.monotonic()
        if isinstance(mark, Failed):
            return mark if now < mark.until else wanted
        if mark is None or now >= mark.asked_at + self.limits.seconds:
            return wanted
        try:
            value = self.secrets.open_version(tx, wanted.project, wanted.secret_id, mark.version)
        except NotFound:  # destroyed meanwhile: what the store has now is fetched anew
            return wanted
        return Opened(wanted.secret_id, wanted.name, mark.version, value)

    async def fetch(self, wanted: Iterable[Wanted]) -> None:
        """Ask the stores for these, all at once. Never raises for what a store did: the next `open` tells."""
        await asyncio.gather(*(self._fetches(_key(one), partial(self._fetch, one)) for one in wanted))

    async def check(self, project: str, name: str) -> None:
        """FetchFailed unless the store answers, takes the credential, and has such a mount. One that does is asked again at once."""
        store = await self.database.read(lambda tx: self.external.opened(tx, project, name))
        await self.vault.check(store)
        self._down.pop(_StoreKey(project, name, store.revision), None)
        self.clear(project, lambda _: True, failures_only=True)

    def clear(self, project: str, matches: Callable[[str], bool], *, failures_only: bool = False) -> int:
        """Ask anew for the secrets whose name matches; how many were known."""
        found = [key for key in self._marks if key.project == project and matches(key.name)]
        found = [key for key in found if not failures_only or isinstance(self._marks[key], Failed)]
        for key in found:
            del self._marks[key]
        return len(found)

    async def close(self) -> None:
        await self._fetches.close()
        await self._documents.close()
        await self.vault.close()

    async def _fetch(self, wanted: Wanted) -> None:
        asked_at, name = self.clock.monotonic(), wanted.source.store
        try:
            version = await self._keep(wanted, await self._value(wanted))
        except FetchFailed as problem:
            self._mark(wanted, Failed(problem.message, self._again_at(wanted, problem), problem.scope is Scope.NOTHING_THERE))
        except (SealBroken, Erased) as problem:
            until = self.clock.monotonic() + PATH_SECONDS
            self._mark(wanted, Failed(f"store {name}: {problem.message}", until, lasting=True, broken=True))
        except Exception as problem:  # our own database, a defect: only its kind, since its text may hold what was fetched
            log.warning("a secret of the store %s could not be kept: %s", name, type(problem).__name__)
            self._mark(wanted, Failed(f"store {name}: what it answered could not be kept", self.clock.monotonic() + STORE_SECONDS[0]))
        else:
            if version is not None:
                self._mark(wanted, _Seen(version, asked_at))

    async def _value(self, wanted: Wanted) -> SecretValue:
        """FetchFailed names the store, and the path or the field where those are what is wrong."""
        source = wanted.source
        store = await self.database.read(lambda tx: self.external.opened(tx, wanted.project, source.store))
        if store.revision != wanted.revision:
            raise FetchFailed(f"store {store.name} was changed meanwhile", Scope.PATH)
        document = await self._documents((_store_key(wanted), source.path, source.version), partial(self._read, store, source))
        value = field_of(store.name, source, document)
        try:
            encoded(value)
        except BadInput as problem:
            failure = FetchFailed(f"store {store.name}: what is at {source.path} cannot be used: {problem.message}", Scope.PATH)
        else:
            return value
        raise failure

    async def _keep(self, wanted: Wanted, value: SecretValue) -> int | None:
        """The number of the version that the value is; mostly it is the newest one already, and nothing need be written."""
        version = await self.database.read(lambda tx: self.external.known(tx, wanted, value))
        return version if version is not None else await self.database.write(lambda tx: self.external.keep(tx, wanted, value))

    async def _read(self, store: Store, source: Source) -> SecretValue:
        """A store that failed as a whole is left alone for a while, longer each time."""
        key = _StoreKey(store.project, store.name, store.revision)
        async with _kept(self._slots, key, self._slots.get(key) or asyncio.Semaphore(AT_ONCE)):
            down = self._down.get(key)
            if down is not None and self.clock.monotonic() < down.until:
                raise FetchFailed(down.reason, Scope.STORE)
            try:
                document = await self.vault.read(store, source)
            except FetchFailed as problem:
                if problem.scope is not Scope.STORE:
                    self._down.pop(key, None)
                elif self._down.get(key) is down:
                    failures = down.failures + 1 if down else 1
                    pause = STORE_SECONDS[min(failures, len(STORE_SECONDS)) - 1]
                    _kept(self._down, key, _Down(problem.message, failures, self.clock.monotonic() + pause))
                raise
            self._down.pop(key, None)
            return document

    def _again_at(self, wanted: Wanted, problem: FetchFailed) -> float:
        down = self._down.get(_store_key(wanted))
        if down and problem.scope is Scope.STORE:
            return down.until
        return self.clock.monotonic() + (ABSENT_SECONDS if problem.scope is Scope.NOTHING_THERE else PATH_SECONDS)

    def _mark(self, wanted: Wanted, mark: _Seen | Failed) -> None:
        key = _key(wanted)
        self._marks.pop(key, None)
        _kept(self._marks, key, mark, self.limits.values)


def _number(environ: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environ.get(name) or str(default)
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and least <= int(text) <= most):
        raise BadInput(f"{name}: it must be a whole number from {least} to {most}", name)
    return int(text)


def _kept(known: dict[K, V], key: K, value: V, most: int = MOST_STORES) -> V:
    """Remembered; what was first remembered longest ago goes where there is too much."""
    known[key] = value
    while len(known) > most:
        del known[next(iter(known))]
    return value


def _key(wanted: Wanted) -> _Key:
    return _Key(wanted.project, wanted.name, wanted.secret_id, wanted.pointer_id, wanted.revision)


def _store_key(wanted: Wanted) -> _StoreKey:
    return _StoreKey(wanted.project, wanted.source.store, wanted.revision)
