"""Something that is used all the while by some threads, so that a change of it is seen from outside.

The clocks are the client's: a change has happened once its answer is here, a use begins before its request leaves.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

USERS = 3
LEAST = 2
"""Uses by each of them that must begin after an answer."""


class Uses:
    """GET of one address, one time after the other by each of some threads: (when it began, the status)."""

    def __init__(self, address: str, headers: Mapping[str, str]) -> None:
        self._address, self._headers = address, dict(headers)
        self._made: list[list[tuple[float, int]]] = [[] for _ in range(USERS)]
        self._over = threading.Event()

    @contextmanager
    def going_on(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._use, args=(made,)) for made in self._made]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def statuses(self, since: float = 0.0) -> set[int]:
        return {status for made in self._made for begun, status in list(made) if begun > since}

    def wait_for(self, since: float) -> None:
        """Until each has begun often enough since then, and had its answer."""
        deadline = time.monotonic() + 30
        while any(sum(begun > since for begun, _ in list(made)) < LEAST for made in self._made):
            assert time.monotonic() < deadline, "nobody uses it any more"
            time.sleep(0.001)

    def _use(self, made: list[tuple[float, int]]) -> None:
        with httpx.Client(headers=self._headers, timeout=30) as http:
            while not self._over.is_set():
                begun = time.monotonic()
                made.append((begun, http.get(self._address).status_code))
