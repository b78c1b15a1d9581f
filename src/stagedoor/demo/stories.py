"""The four stories on one temporary store, and what has to run around them."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp

from stagedoor.demo import keys, pinetree, postage, super_weather
from stagedoor.demo.caller import Caller
from stagedoor.demo.journal import Journal
from stagedoor.demo.post_office import HOST, open_post_office
from stagedoor.demo.process import Sdk, find_sdk, initialise, serving
from stagedoor.demo.stage import Stage, exchange
from stagedoor.kit.ids import new_token

STORIES = (("Keys", keys), ("super_weather", super_weather), ("Postage", postage), ("pinetree", pinetree))


async def tell_all(journal: Journal, folder: Path) -> None:
    """Tell every story, with store, keys and logs in `folder`. Unexpected at the first step that comes out otherwise."""
    sdk = await find_sdk(os.environ)
    (folder / "logs").mkdir()
    with journal.show.waiting("stagedoor init"):
        first = await initialise(folder / "data")
    async with _stage(journal, folder, sdk) as stage:
        for number, (name, story) in enumerate(STORIES, 1):
            with journal.story(number, name, story.ABOUT):
                if stage.admin.token is None:
                    stage = await _signed_in(stage, first)
                await story.tell(stage)


@asynccontextmanager
async def _stage(journal: Journal, folder: Path, sdk: Sdk) -> AsyncIterator[Stage]:
    """The post office, and the server that finds it where the post office's own name leads."""
    clock, data, logs = journal.clock, folder / "data", folder / "logs"
    user = new_token("usps", 6)
    journal.masks.hide(user)
    async with open_post_office(folder, user, clock) as office:
        settings = {"STAGEDOOR_EGRESS_RESOLVE": f"{HOST}=127.0.0.1:{office.port}", "STAGEDOOR_EGRESS_CA": str(office.ca)}
        async with serving(data, logs / "server.log", journal, settings) as url, aiohttp.ClientSession(url) as http:
            nobody = Caller(http, journal)
            yield Stage(url, data, logs, clock, journal, nobody, nobody, office, sdk)


async def _signed_in(stage: Stage, first: dict[str, str]) -> Stage:
    """With the password that `stagedoor init` printed."""
    stage.masks.hide(first["password"])
    credentials = {"email": first["user"], "password": first["password"]}
    token = await exchange(stage.nobody, credentials, "The administrator signs in", "administrator")
    return replace(stage, admin=stage.nobody.with_token(token))
