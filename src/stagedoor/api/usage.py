"""`/api/auth/usage` and `/api/auth/advice` (ours): what a subject holds beside what it used, and the smaller set that would do."""

from typing import Any

from stagedoor.api.http import Request, Response
from stagedoor.core.advice import Advice, Grant, Item, exercised, items_of
from stagedoor.core.advisor import Beside, subject_of
from stagedoor.core.principal import Principal
from stagedoor.core.usage import KEPT_DAYS, CredentialDay, Use
from stagedoor.gate.server import Server


async def usage(server: Server, request: Request) -> Response:
    """Granted beside used in the last `days` (1 to 90, by default 90); up to some seconds old."""
    who, days = _subject(request), request.query_int("days", KEPT_DAYS)
    return Response.json(beside_json(await server.gate.scan(lambda tx: server.gate.advisor.beside(tx, who, days))))


async def advice(server: Server, request: Request) -> Response:
    """The smaller set by the use of the last `days`. 409 where subject or records are younger than that. Nothing is changed."""
    who, days = _subject(request), request.query_int("days", KEPT_DAYS)
    return Response.json(advice_json(await server.gate.scan(lambda tx: server.gate.advisor.advice(tx, who, days))))


def beside_json(found: Beside) -> dict[str, Any]:
    counts = exercised(found.held, found.uses)
    return {
        "subject": found.held.who.subject, "since": found.since,
        "granted": [
            {**item_json(item), "grantedAt": found.held.given(item), "uses": count, "lastUsedAt": last or None}
            for item, (count, last) in counts.items()
        ],
        "byGroup": [item_json(item) for item in items_of(found.held.group_roles, found.held.group_grants)],
        "used": [{**use_json(used.use), "uses": used.count, "lastUsedAt": used.last_at} for used in found.uses],
        "credentials": [_day_json(one) for one in found.credentials],
    }  # fmt: skip


def _day_json(one: CredentialDay) -> dict[str, Any]:
    """`day` in days since 1970, UTC."""
    last = {"lastUsedAt": one.last_at, "lastUsedFrom": one.last_from}
    return {"id": one.credential, "day": one.day, "ok": one.ok, "refused": one.refused, **last}


def advice_json(found: Advice) -> dict[str, Any]:
    return {
        "subject": found.who.subject,
        "remove": [item_json(item) for item in found.removes], "add": [item_json(item) for item in found.adds], "kept": found.kept,
        "replayed": found.replayed, "refused": [use_json(use) for use in found.refused], "gone": [use_json(use) for use in found.gone],
    }  # fmt: skip


def item_json(item: Item) -> dict[str, Any]:
    """A role, or a grant as the authorization routes spell it."""
    if isinstance(item, Grant):
        return {"target": {"type": item.kind, "id": item.name}, "access": [item.access]}
    return {"role": item}


def use_json(use: Use) -> dict[str, str]:
    shown = {"access": use.access, "type": use.kind, "id": use.name}
    return {**shown, "domain": use.domain} if use.domain else shown


def _subject(request: Request) -> Principal:
    return subject_of(request.principal.project, f"{request.params['subjectType']}:{request.params['subjectId']}")
