"""The master keys that this process has: what is sealed under them is the keys of projects, of tokens, and those for one purpose.

A row says which master key wrapped it. One that is not known yet, because a rotation has begun meanwhile, is looked for where
master keys lie, so that servers need no restart. The key service is asked at start and in a rotation alone: what is unwrapped stays.
A server that runs asks it beside its transactions, which wait for it for a moment at most: all others wait for them.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

from stagedoor.kit.clock import Clock
from stagedoor.kit.crypto import Key, SealBroken, parse_master_key
from stagedoor.kit.errors import StagedoorError, Unavailable
from stagedoor.kit.masterkey import AtHand
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store.store import Row, Transaction

log = logging.getLogger(__name__)
AUDIT, CREDENTIAL, PROJECT_KEYS = "audit", "credential", "project_keys"
PURPOSES = (AUDIT, CREDENTIAL, PROJECT_KEYS)
ASK_AGAIN = 5.0
"""Seconds until a master key that was not to be had is looked for again: a service that hangs must not hang every call."""
PATIENCE = 0.25
"""Seconds that a transaction of a server waits for the key service; one that has no time left is answered 503 and may come again."""


class MasterKeyMissing(Unavailable):
    """a master key is needed that this process does not have"""


@dataclass
class MasterKeys:
    """`unwrap`: what the key service makes of the text it once gave for a master key; None without one."""

    at_hand: AtHand
    clock: Clock
    unwrap: Callable[[str], SecretValue] | None = None
    _ring: dict[str, Key] = field(default_factory=dict, repr=False)
    _derived: dict[str, Key] = field(default_factory=dict, repr=False)
    _missed: dict[str, float] = field(default_factory=dict, repr=False)
    _patience: float | None = None
    _asking: dict[str, Future[Key]] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def serving(self) -> None:
        """From now on no transaction waits for the key service for long; until then, and for commands, there is nobody to hold up."""
        self._patience = PATIENCE

    def active(self, tx: Transaction) -> Key:
        """The one that new things are sealed under; no rotation changes that before the transaction ends."""
        row = tx.one("master_key_active_kept")
        return self.key(tx, row["master_id"]) if row else self._first()

    def key(self, tx: Transaction, master_id: str) -> Key:
        """MasterKeyMissing by its id where it is not to be had."""
        return self._ring.get(master_id) or self._found(tx, master_id)

    def unwrapped(self, tx: Transaction, row: Row, identity: str) -> Key:
        """The key in a row's `sealed`, by its `master_id`. SealBroken where the bytes are not that row's."""
        if row["master_id"] is not None:
            return self.key(tx, row["master_id"]).unwrap(row["sealed"], identity)
        return self._any(row, identity).unwrap(row["sealed"], identity)

    def opened(self, tx: Transaction, row: Row, identity: str) -> bytes:
        """The same where it is other bytes than a key."""
        if row["master_id"] is not None:
            return self.key(tx, row["master_id"]).open(row["sealed"], identity)
        return self._any(row, identity).open(row["sealed"], identity)

    def derived(self, tx: Transaction, purpose: str) -> Key:
        """The key for one purpose, the same for as long as the store lives."""
        if purpose in self._derived:
            return self._derived[purpose]
        key, remember = self._stored(tx, purpose), partial(self._derived.__setitem__, purpose)
        if tx.writes:
            tx.after_commit(partial(remember, key))  # an undone transaction leaves no row of it
        elif tx.one("derived_key", purpose=purpose) is not None:
            remember(key)
        return key

    def register(self, tx: Transaction, key: Key, wrapped: str | None = None) -> None:
        """Name a store's first master key in it, and make the keys for each purpose."""
        tx.do("master_key_insert", master_id=key.id, wrapped=wrapped, created_at=self.clock.now())
        tx.do("master_key_active_insert", master_id=key.id)
        self.learn(key)
        for purpose in PURPOSES:
            self._stored(tx, purpose)

    def learn(self, key: Key) -> None:
        """One that this process has from elsewhere."""
        self._ring[key.id] = key

    def alone(self, key: Key) -> "MasterKeys":
        """With this one and no other, nothing remembered: what opens then needs no other."""
        return MasterKeys(AtHand(given=(key,)), self.clock)

    def recognise(self, tx: Transaction, row: Row, identity: str) -> None:
        """The same for a store of an earlier version: the master key at hand that opens this row. SealBroken where none does."""
        if tx.one("master_key_active") is None:
            self.register(tx, self._any(row, identity))

    def _stored(self, tx: Transaction, purpose: str) -> Key:
        """Made from the master key once, so that what an earlier version signed can still be checked; from then on it is a row."""
        row = tx.one("derived_key", purpose=purpose)
        if row is not None:
            return self.unwrapped(tx, row, derived_identity(purpose))
        master = self.active(tx) if tx.writes else self._first()
        key = master.derive(purpose)
        if tx.writes:
            sealed = key.rewrapped(master, derived_identity(purpose))
            tx.do("derived_key_insert", purpose=purpose, sealed=sealed, master_id=master.id, created_at=self.clock.now())
        return key

    def _first(self) -> Key:
        key = next(iter(self._ring.values()), None) or self.at_hand.first()
        return self._ring.setdefault(key.id, key)

    def _any(self, row: Row, identity: str) -> Key:
        """Of a row from before there were ids: whichever opens it."""
        for key in chain(list(self._ring.values()), self.at_hand.read()):
            try:
                key.open(row["sealed"], identity)
            except SealBroken:
                continue
            return self._ring.setdefault(key.id, key)
        raise SealBroken(f"sealed bytes of {identity} do not open")

    def _found(self, tx: Transaction, master_id: str) -> Key:
        if self.clock.monotonic() < self._missed.get(master_id, 0.0):
            raise _missing(master_id)
        try:
            self._ring[master_id] = self._looked_for(tx, master_id)
        except SealBroken:
            raise
        except StagedoorError as problem:  # callers of the API are not told of files and services
            self._missed[master_id] = self.clock.monotonic() + ASK_AGAIN
            if not isinstance(problem, MasterKeyMissing):
                log.warning("master key %s is not to be had: %s", master_id, problem.message)
            raise _missing(master_id) from problem
        return self._ring[master_id]

    def _looked_for(self, tx: Transaction, master_id: str) -> Key:
        for key in self.at_hand.read():
            if key.id == master_id:
                return key
        row = tx.one("master_key_by_id", master_id=master_id)
        if row is None or row["wrapped"] is None or self.unwrap is None:
            raise _missing(master_id)
        ask = partial(_unwrapped, self.unwrap, master_id, row["wrapped"])
        return ask() if self._patience is None else self._asked(master_id, ask, self._patience)

    def _asked(self, master_id: str, ask: Callable[[], Key], patience: float) -> Key:
        """In a thread of its own, which goes on when nobody waits any more. Only the first one waits."""
        with self._lock:
            if master_id in self._asking:
                raise _missing(master_id)
            asking = self._asking[master_id] = Future()
        try:
            threading.Thread(target=self._learn, args=(master_id, ask, asking), name="stagedoor-key-service", daemon=True).start()
        except RuntimeError:  # no thread is to be had: the next one asks
            del self._asking[master_id]
            raise Unavailable("the key service cannot be asked right now") from None
        try:
            return asking.result(patience)
        except TimeoutError:
            raise Unavailable("the key service has not answered yet") from None

    def _learn(self, master_id: str, ask: Callable[[], Key], asking: Future[Key]) -> None:
        try:
            self._ring[master_id] = key = ask()
        except Exception as problem:
            asking.set_exception(problem)
        else:
            asking.set_result(key)
        finally:
            del self._asking[master_id]


def _unwrapped(unwrap: Callable[[str], SecretValue], master_id: str, wrapped: str) -> Key:
    key = parse_master_key(unwrap(wrapped).reveal())
    if key.id != master_id:
        raise SealBroken(f"what the key service opened is not master key {master_id}")
    return key


def reason(problem: StagedoorError) -> str:
    """What is wrong with the file or the service, for whoever runs the program."""
    cause = problem.__cause__
    return cause.message if isinstance(cause, StagedoorError) else problem.message


def derived_identity(purpose: str) -> str:
    return f"derived_key:{purpose}"


def _missing(master_id: str) -> MasterKeyMissing:
    return MasterKeyMissing(f"master key {master_id} is needed: it is neither in the environment nor in a file nor with the key service")
