"""Limits on failed credentials: only failures are counted, by (name, address) and by address (promise 5).

The library `limits` was looked at: its memory storage is unbounded, reads the machine's clock by itself and runs timer threads.
"""

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from stagedoor.kit.clock import Clock
from stagedoor.kit.crypto import fingerprint
from stagedoor.kit.errors import StagedoorError, TooManyRequests, Unauthenticated

UNKNOWN = "unknown"
SIZE = 32_768
"""Keys one meter remembers, about 8 MB of them. The one failed longest ago is forgotten first."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` failures at once, then one every `seconds`."""

    burst: int
    seconds: float


class Meter:
    """How many failures each key has had of late.

    A leaky bucket as the GCRA (ITU-T I.371): all it keeps of a key is the moment at which its bucket is empty again.
    """

    def __init__(self, rate: Rate, clock: Clock, size: int = SIZE) -> None:
        self._rate = rate
        self._clock = clock
        self._size = size
        self._empty_at: OrderedDict[Hashable, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._empty_at)

    def wait(self, key: Hashable) -> float:
        """Seconds until one more failure fits; 0 where it fits now."""
        over = self._empty_at.get(key, 0.0) - self._clock.monotonic() - (self._rate.burst - 1) * self._rate.seconds
        return over if over > 1e-6 else 0.0  # less than that is rounding

    def add(self, key: Hashable) -> None:
        """One failure more; a full bucket stays full."""
        now = self._clock.monotonic()
        empty_at = max(self._empty_at.pop(key, now), now) + self._rate.seconds
        self._empty_at[key] = min(empty_at, now + self._rate.burst * self._rate.seconds)
        if len(self._empty_at) > self._size:
            self._empty_at.popitem(last=False)

    def take_back(self, key: Hashable) -> None:
        if key in self._empty_at:
            self._empty_at[key] -= self._rate.seconds


@dataclass(frozen=True)
class Counts:
    """The failures of one kind of credential, by (name, address) and by address. A name is what was presented: a key's id, an account."""

    names: Meter
    addresses: Meter

    @classmethod
    def of(cls, name: Rate, address: Rate, clock: Clock) -> "Counts":
        return cls(Meter(name, clock), Meter(address, clock))

    def count(self, name: str, address: str) -> None:
        """One failure; TooManyRequests, and nothing counted, where the counts are full. Nothing else is looked at."""
        where = counted(address)
        key = _key(name, where)
        wait = max(self.names.wait(key), self.addresses.wait(where))
        if wait:
            raise TooManyRequests(retry_after=math.ceil(wait))
        self.names.add(key)
        self.addresses.add(where)

    @contextmanager
    def attempt(self, name: str, address: str) -> Iterator[None]:
        """Counts what it surrounds before it is tried: many at once do not get past the limit. Only Unauthenticated stays counted."""
        self.count(name, address)
        try:
            yield
        except Unauthenticated:
            raise
        except StagedoorError:
            self._take_back(name, address)
            raise
        else:
            self._take_back(name, address)

    def _take_back(self, name: str, address: str) -> None:
        where = counted(address)
        self.names.take_back(_key(name, where))
        self.addresses.take_back(where)


@dataclass(frozen=True)
class Limits:
    """Keys and passwords are counted apart: workers with an old key do not keep their colleagues from signing in."""

    keys: Counts
    passwords: Counts

    @classmethod
    def by(cls, clock: Clock) -> "Limits":
        """Of this node, in its memory (docs/decisions/0019-limits.md has the numbers' reasons)."""
        return cls(
            keys=Counts.of(Rate(60, 1), Rate(300, 0.2), clock),
            passwords=Counts.of(Rate(20, 60), Rate(100, 6), clock),
        )


def counted(address: str) -> str:
    """What a client's address counts as: an IPv4 address (an IPv4-mapped one too), the /64 of an IPv6 one; `unknown` for anything else."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return UNKNOWN
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.IPv6Network((int(ip), 64), strict=False))


def _key(name: str, where: str) -> bytes:
    """Of fixed size, however long the name is."""
    return fingerprint(f"{where} {name}".encode("utf-8", "surrogatepass"))[:16]
