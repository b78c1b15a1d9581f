"""What `stagedoor doctor` says of external stores: one line for each that cannot be used now."""

import os
from dataclasses import replace

from stagedoor.bootstrap import Core, open_core, opened_stores
from stagedoor.gate.address import EgressSettings
from stagedoor.gate.stores import Stores
from stagedoor.gate.vault import FetchFailed
from stagedoor.kit.errors import StagedoorError
from stagedoor.settings import Settings
from stagedoor.store.store import Transaction


async def unusable_stores(settings: Settings) -> list[str]:
    """Each is asked for its mount, with its credential. None where this server's own database cannot be opened: other findings say so."""
    try:
        settings = replace(settings, egress=EgressSettings.from_environment(os.environ))
        async with open_core(settings) as core, opened_stores(core, settings) as stores:
            kept = await core.store.scan(lambda tx: _all(tx, core))
            return [finding for project, name in kept if (finding := await _finding(stores, project, name))]
    except StagedoorError:
        return []


def _all(tx: Transaction, core: Core) -> list[tuple[str, str]]:
    return [(project.id, str(one["name"])) for project in core.projects.all(tx) for one in core.external.all(tx, project.id)]


async def _finding(stores: Stores, project: str, name: str) -> str | None:
    try:
        await stores.check(project, name)
    except FetchFailed as problem:
        return f"secret store of project {project}: {problem.message}"
    except StagedoorError as problem:  # its credential does not open
        return f"secret store {name} of project {project}: {problem.message}"
    return None
