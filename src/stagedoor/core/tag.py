"""Tags on resources. `type` is kept as it was sent, and left out where it was not (contract/orkes.md 0.12)."""

from collections.abc import Sequence
from typing import Any

import msgspec

from stagedoor.core.audit import Audit
from stagedoor.core.permission import Resource
from stagedoor.core.principal import Principal
from stagedoor.kit.strictjson import check_name
from stagedoor.store.store import Transaction


class Tag(msgspec.Struct, frozen=True, omit_defaults=True):
    """`value` is text, or a whole number for the type RATE_LIMIT."""

    key: str
    value: str | int
    type: str | None = None


def tags_of(tx: Transaction, project: str, resource: Resource) -> list[Tag]:
    rows = tx.all("tags_of_target", project_id=project, target_type=resource.kind, target_id=resource.name)
    return [_tag(row) for row in rows]


def tags_of_kind(tx: Transaction, project: str, kind: str) -> dict[str, list[Tag]]:
    """Name -> tags, for lists."""
    found: dict[str, list[Tag]] = {}
    for row in tx.all("tags_of_kind", project_id=project, target_type=kind):
        found.setdefault(row["target_id"], []).append(_tag(row))
    return found


def put_tags(tx: Transaction, who: Principal, resource: Resource, tags: Sequence[Tag], audit: Audit) -> None:
    """Insert, or replace the one with the same key."""
    for tag in tags:
        check_name(tag.key, "key")
        if isinstance(tag.value, str) and tag.value:
            check_name(tag.value, "value")
        tx.do(
            "tag_put", project_id=who.project, target_type=resource.kind, target_id=resource.name,
            tag_key=tag.key, tag_value=msgspec.json.encode(tag.value).decode(), tag_type=tag.type,
        )  # fmt: skip
    audit.change(tx, who, "tag.put", f"{resource.kind} {resource.name}", ",".join(tag.key for tag in tags))


def delete_tags(tx: Transaction, who: Principal, resource: Resource, tags: Sequence[Tag], audit: Audit) -> None:
    for tag in tags:
        tx.do("tag_delete", project_id=who.project, target_type=resource.kind, target_id=resource.name, tag_key=tag.key)
    audit.change(tx, who, "tag.delete", f"{resource.kind} {resource.name}", ",".join(tag.key for tag in tags))


def _tag(row: dict[str, Any]) -> Tag:
    return Tag(row["tag_key"], msgspec.json.decode(row["tag_value"]), row["tag_type"])
