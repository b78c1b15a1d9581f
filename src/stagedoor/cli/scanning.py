"""A look at the store for a command; servers may be running on it, and nothing is changed."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from stagedoor.bootstrap import Core, open_core
from stagedoor.cli.options import fail
from stagedoor.kit.errors import StagedoorError
from stagedoor.settings import Settings
from stagedoor.store.store import Transaction

T = TypeVar("T")


def scanned(settings: Settings, project: str, fn: Callable[[Core, Transaction], T]) -> T:
    """What `fn` reads of a project. NotFound where there is none of that id, and what `fn` and the opening of the store raise."""

    async def within() -> T:
        async with open_core(settings) as core:
            await core.store.scan(lambda tx: core.projects.get(tx, project))
            return await core.store.scan(lambda tx: fn(core, tx))

    return asyncio.run(within())


def scanned_or_fail(settings: Settings, project: str, fn: Callable[[Core, Transaction], T]) -> T:
    """The same; ends the program where something is wrong."""
    try:
        return scanned(settings, project, fn)
    except StagedoorError as problem:
        fail(problem)
