"""Who sends next: the slots for HTTP requests are shared by projects, so that the slow answers of one hold up no other.

A job's rank begins with its project's number, so that the first jobs of each project are found by the index, however long the line of
one of them is. A project gets another slot while it has fewer than are free (dynamic thresholds, Choudhury and Hahne 1998): alone it has
half of them in the end, two have a third each, and eight that want all there is still leave one to who comes next.
"""

import zlib
from collections import Counter, deque

from stagedoor.store.store import Row, Transaction

SLOTS = 256
TIMES_FREE = 1
"""So many times as many as are free a project may have."""
MOST_LOOKED_AT = 256
"""Projects at one look; the next one goes on behind them."""
_SPAN, _NUMBERS = 128, 2**24
"""Ranks of one project, and numbers of projects: two that have the same one share its slots."""


def rank_in_share(project: str, rank: int) -> int:
    """The rank of a job in a line that projects share; `rank` is that among its project's own, -99 to 0."""
    return zlib.crc32(project.encode()) % _NUMBERS * _SPAN + 99 + rank


class Shares:
    """The slots of one line in this process, for its one dispatcher."""

    def __init__(self) -> None:
        self._going: Counter[int] = Counter()
        self._after = -1

    def waiting(self, tx: Transaction, line: str, now: int, most: int) -> list[Row]:
        """Up to so many jobs of each project that may begin, the projects in the order in which it is their turn."""
        found: list[Row] = []
        share = first = self._next(tx, line, self._after + 1)
        for _ in range(MOST_LOOKED_AT):
            if share is None:
                break
            least = share * _SPAN
            found += tx.all("job_ready_within", line=line, least=least, most=least + _SPAN - 1, now=now, size=most)
            self._after = share
            share = self._next(tx, line, share + 1)
            if share == first:
                break
        return found

    def _next(self, tx: Transaction, line: str, share: int) -> int | None:
        """This project or the next one behind it that has jobs in the line; behind the last comes the first."""
        for least in (share * _SPAN, -_SPAN):  # jobs of an earlier version have ranks of their own, -99 to 0
            row = tx.one("job_rank_next", line=line, least=least)
            if row is not None and row["rank"] is not None:
                return int(row["rank"]) // _SPAN
        return None

    def deal(self, rows: list[Row], free: int) -> list[Row]:
        """Those that begin now: each time the first one of the project that has the fewest under way."""
        waiting: dict[int, deque[Row]] = {}
        for row in rows:
            waiting.setdefault(_share_of(row), deque()).append(row)
        going, dealt = Counter(self._going), list[Row]()
        while waiting:
            share = min(waiting, key=going.__getitem__)
            if going[share] >= TIMES_FREE * (free - len(dealt)):
                break
            dealt.append(waiting[share].popleft())
            going[share] += 1
            self._after = share  # where several have equally few, the next look begins behind
            if not waiting[share]:
                del waiting[share]
        return dealt

    def begun(self, row: Row) -> None:
        self._going[_share_of(row)] += 1

    def done(self, row: Row) -> None:
        share = _share_of(row)
        self._going[share] -= 1
        if not self._going[share]:
            del self._going[share]


def _share_of(row: Row) -> int:
    return int(row["rank"]) // _SPAN
