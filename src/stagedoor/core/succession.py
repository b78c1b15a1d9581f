"""What rotations made of a key, as lists show it (core/overlap.py)."""

from typing import Any

import msgspec

from stagedoor.core.usage import HOUR
from stagedoor.store.store import Row


class Succession(msgspec.Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """`replaces`: the key whose place it took; `replaced_by`: the one that takes its own. It ends at `retire_at` (epoch ms), or once it was
    not used for so many hours. All left out where there is nothing to say."""

    replaces: str | None = None
    replaced_by: str | None = None
    retire_at: int | None = None
    retire_after_idle_hours: float | None = None


def succession(row: Row) -> dict[str, Any]:
    """The fields of it."""
    hours = hours_of(row["retire_idle"])
    told = {"replaces": row["replaces"], "replaced_by": row["replaced_by"], "retire_at": row["retire_at"], "retire_after_idle_hours": hours}
    return {name: value for name, value in told.items() if value is not None}


def hours_of(milliseconds: int | None) -> float | None:
    """As people said it: 24, not 24.0."""
    if milliseconds is None:
        return None
    return milliseconds // HOUR if milliseconds % HOUR == 0 else milliseconds / HOUR
