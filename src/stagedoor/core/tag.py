"""Tags on resources. `type` is kept as it was sent, and left out where it was not (contract/orkes.md 0.12)."""

from collections.abc import Sequence
from typing import Any

import msgspec

from stagedoor.core.audit import Audit
from stagedoor.core.epoch import project_changed
from stagedoor.core.grant import authority_on
from stagedoor.core.permission import Access, Denied, Resource, decide
from stagedoor.core.principal import Principal
from stagedoor.kit.errors import Forbidden
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


def tags_of_project(tx: Transaction, project: str) -> list[tuple[Resource, Tag]]:
    """Every tag with what carries it."""
    return [(Resource(row["target_type"], row["target_id"]), _tag(row)) for row in tx.all("tags_of_project", project_id=project)]


def pair_of(tag: Tag) -> str:
    """`key:value`, as grants name a tag."""
    return f"{tag.key}:{tag.value}"


def put_tags(tx: Transaction, who: Principal, resource: Resource, tags: Sequence[Tag], audit: Audit) -> None:
    """Insert, or replace the one with the same key. Forbidden where a tag would give somebody what the caller does not hold."""
    for tag in tags:
        check_name(tag.key, "key")
        if isinstance(tag.value, str) and tag.value:
            check_name(tag.value, "value")
    project_changed(tx, who.project)
    replaced = {tag.key: tag for tag in tags_of(tx, who.project, resource)}
    for tag in tags:
        _must_cover(tx, who, resource, pair_of(tag))
        if tag.key in replaced and pair_of(replaced[tag.key]) != pair_of(tag):
            _must_cover(tx, who, resource, pair_of(replaced[tag.key]))
        tx.do(
            "tag_put", project_id=who.project, target_type=resource.kind, target_id=resource.name, pair=pair_of(tag),
            tag_key=tag.key, tag_value=msgspec.json.encode(tag.value).decode(), tag_type=tag.type,
        )  # fmt: skip
        replaced[tag.key] = tag
    audit.change(tx, who, "tag.put", f"{resource.kind} {resource.name}", ",".join(pair_of(tag) for tag in tags))


def replace_tags(tx: Transaction, who: Principal, resource: Resource, tags: Sequence[Tag], audit: Audit) -> None:
    """Exactly these: what is not among them goes."""
    kept = {tag.key for tag in tags}
    gone = [tag for tag in tags_of(tx, who.project, resource) if tag.key not in kept]
    if gone:
        delete_tags(tx, who, resource, gone, audit)
    put_tags(tx, who, resource, tags, audit)


def delete_tags(tx: Transaction, who: Principal, resource: Resource, tags: Sequence[Tag], audit: Audit) -> None:
    """By key; one that is not there is no error."""
    project_changed(tx, who.project)
    there = {tag.key: tag for tag in tags_of(tx, who.project, resource)}
    for tag in tags:
        if tag.key in there:
            _must_cover(tx, who, resource, pair_of(there[tag.key]))
        tx.do("tag_delete", project_id=who.project, target_type=resource.kind, target_id=resource.name, tag_key=tag.key)
    audit.change(tx, who, "tag.delete", f"{resource.kind} {resource.name}", ",".join(tag.key for tag in tags))


def _must_cover(tx: Transaction, who: Principal, resource: Resource, pair: str) -> None:
    """A tag hands out what is granted on it, so whoever puts it on or takes it off holds that on the resource (promise 10)."""
    authority = authority_on(tx, who, resource)
    for row in tx.all("grants_on_pair", project_id=who.project, pair=pair):
        verdict = decide(who, Access(row["access"]), resource, authority)
        if isinstance(verdict, Denied):
            raise Forbidden(f"You don't have permissions to tag with {pair}, which gives {row['access']} (missing: {verdict.missing})")


def _tag(row: dict[str, Any]) -> Tag:
    return Tag(row["tag_key"], msgspec.json.decode(row["tag_value"]), row["tag_type"])
