"""Protections, each as what takes it away: patched into the server that runs in the test's own process."""

import re
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from stagedoor.core import tag
from stagedoor.core.grant import Grants
from stagedoor.core.marker import marker_by_id
from stagedoor.core.secret import Secrets
from stagedoor.engine.embedded import document, expression
from stagedoor.engine.port import Candidate
from stagedoor.gate import egress, handoff, sealing
from stagedoor.gate.conditions import Conditions
from stagedoor.gate.doors import MASKS_NOTHING, GateDoors
from stagedoor.gate.egress import Egress
from stagedoor.gate.gate import Gate
from stagedoor.gate.sealing import Sealing
from stagedoor.kit.template import MARKER, REFERENCE, map_strings
from stagedoor.store.store import Transaction
from tests.gate.doors.stage import Stage
from tests.support.thread import ThreadServer

Patch = pytest.MonkeyPatch
Without = Callable[[Patch, Stage], None]


def nothing(*_: Any, **__: Any) -> None:
    """In place of a check: it is content."""


def all_of(*parts: Without) -> Without:
    def without(patch: Patch, stage: Stage) -> None:
        for part in parts:
            part(patch, stage)

    return without


def conditions(*names: str) -> Without:
    """Conditions of the doors that are always met."""

    def without(patch: Patch, stage: Stage) -> None:
        for name in names:
            patch.setattr(Conditions, name, nothing)

    return without


def saving(patch: Patch, stage: Stage) -> None:
    """Who saves a reference need not hold anything on the secret."""
    patch.setattr(Sealing, "_check", nothing)


def places(patch: Patch, stage: Stage) -> None:
    """A reference may stand anywhere, and is left as it is written."""
    patch.setattr(sealing, "refuse_elsewhere", nothing)
    patch.setattr(sealing, "references", lambda *_: ())


def engine_that_knows(patch: Patch, stage: Stage) -> None:
    """The engine finds secrets under `workflow`, as upstream's does: in data, in scripts, in names that data make."""
    shown = document.workflow_view
    patch.setattr(expression, "_SECRETS", "\0")  # what else it leaves as it is written
    patch.setattr(document, "workflow_view", lambda *parts: {**shown(*parts), "secrets": {stage.secret: stage.value}})


def data_is_no_template(patch: Patch, stage: Stage) -> None:
    """References and markers are opened in resolved input, wherever they came from, as upstream's substitution does."""
    secrets = _secrets(stage)

    def opened(tx: Transaction, candidate: Candidate, given: Any) -> Any:
        def named(name: str) -> str:
            return secrets.open(tx, candidate.project, name).value.reveal()

        def marked(match: re.Match[str]) -> str:
            marker = marker_by_id(tx, candidate.project, match[1])
            return named(marker.reference.name) if marker else match[0]

        return map_strings(given, lambda place, text: REFERENCE.sub(lambda match: named(match[1]), MARKER.sub(marked, text)))

    for door in (handoff, egress):
        patch.setattr(door, "spelled", opened)


def _secrets(stage: Stage) -> Secrets:
    assert isinstance(stage.server, ThreadServer) and stage.server.parts is not None
    return stage.server.parts.gate.secrets


def redaction(patch: Patch, stage: Stage) -> None:
    patch.setattr(GateDoors, "redactor", lambda *_: MASKS_NOTHING)


def redirects(patch: Patch, stage: Stage) -> None:
    """They are followed."""
    real = aiohttp.ClientSession.request
    patch.setattr(aiohttp.ClientSession, "request", lambda self, *given, **named: real(self, *given, **{**named, "allow_redirects": True}))


def silence(patch: Patch, stage: Stage) -> None:
    """Whoever may only EXECUTE a secret is told what is wrong with a request that holds its value."""
    patch.setattr(Egress, "_voucher_who_may_not_read", nothing)


def restoring(patch: Patch, stage: Stage) -> None:
    """Reads show definitions as they are stored."""
    from stagedoor.gate import definitions

    patch.setattr(definitions, "restore", lambda value, markers: value)


def tagging(patch: Patch, stage: Stage) -> None:
    patch.setattr(tag, "_must_cover", nothing)


def forgetting(patch: Patch, stage: Stage) -> None:
    """Grants outlive the thing that they are on."""
    patch.setattr(Grants, "forget", nothing)


def knowing(patch: Patch, stage: Stage) -> None:
    """Anybody learns which secrets there are."""

    async def knows(*_: object) -> bool:
        return True

    patch.setattr(Gate, "knows", knows)
