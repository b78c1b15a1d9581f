"""What one credential may at most do, of what its owner may (docs/decisions/0032-keys-and-ceilings.md).

`{"roles": ["USER"], "access": ["READ"], "resources": [{"type": "WORKFLOW_DEF", "id": "orders"}], "readOnly": false}`: each part that is
set narrows, an empty or missing one does not.
"""

from collections.abc import Iterator

import msgspec


class Within(msgspec.Struct, frozen=True):
    """A resource, as grants name their targets; `*` as `id` is everything of its type."""

    type: str
    id: str


class Ceiling(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    roles: tuple[str, ...] = ()
    access: tuple[str, ...] = ()
    resources: tuple[Within, ...] = ()
    read_only: bool = False
    below: "Ceiling | None" = None
    """Another one that binds as well: that of the credential by which this one was had."""

    @property
    def limits(self) -> bool:
        """Whether any part is set."""
        return bool(self.roles or self.access or self.resources or self.read_only or self.below)


def all_of(ceiling: Ceiling | None) -> Iterator[Ceiling]:
    """It and those it is below of."""
    while ceiling is not None:
        yield ceiling
        ceiling = ceiling.below


FOR_RUNS = Ceiling(
    access=("READ", "EXECUTE"), resources=tuple(Within(kind, "*") for kind in ("WORKFLOW_DEF", "ENV_VARIABLE", "END_USER"))
)  # fmt: skip
"""What no execution token goes beyond (docs/decisions/0038-execution-tokens.md): it changes nothing, takes no tasks and sees no secrets."""


def only_reads(ceiling: Ceiling | None) -> bool:
    """Whether nothing may be changed by it: what is open to any caller, and yet changes something, is not for such a credential."""
    return any(one.read_only or set(one.access) == {"READ"} for one in all_of(ceiling))


def both(upper: Ceiling | None, lower: Ceiling | None) -> Ceiling | None:
    """What the two of them allow. Each keeps its own parts: of two lists that share nothing, nothing is left, and not everything."""
    if upper is None or lower is None:
        return upper or lower
    return msgspec.structs.replace(lower, below=both(upper, lower.below))


def words_of(ceiling: Ceiling) -> str:
    """`it allows READ alone; on WORKFLOW_DEF orders alone`."""
    parts = []
    for one in all_of(ceiling):
        if one.roles:
            parts.append(f"what the role{'s' * (len(one.roles) > 1)} {', '.join(one.roles)} would")
        if one.access or one.read_only:
            parts.append(f"{'READ' if one.read_only else ', '.join(one.access)} alone")
        if one.resources:
            parts.append(f"on {', '.join(f'{each.type} {each.id}' for each in one.resources)} alone")
    return f"it allows {'; '.join(parts)}"


def ceiling_of(text: str | None) -> Ceiling | None:
    """From a credential's row. None where it has none."""
    found = msgspec.json.decode(text, type=Ceiling) if text else None
    return found if found is not None and found.limits else None


def text_of(ceiling: Ceiling | None) -> str | None:
    """For a credential's row."""
    return msgspec.json.encode(ceiling).decode() if ceiling is not None and ceiling.limits else None
