"""`stagedoor scan`: keys and tokens in files, git history, logs, and in what Stagedoor itself stores. No secret is ever printed."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn

from stagedoor.bootstrap import Core, open_core
from stagedoor.cli.options import DatabaseOption, JsonOption, fail, settings_of
from stagedoor.cli.scan_places import Place, Problems, places
from stagedoor.cli.scan_store import stored
from stagedoor.core.leak import Known, Leaks, Match
from stagedoor.kit.clock import Clock, SystemClock
from stagedoor.kit.errors import BadInput, StagedoorError
from stagedoor.kit.keyformat import ACCESS_TOKEN, PUBLIC
from stagedoor.kit.scanner import Hit, Scanner

COMMAND = "stagedoor scan"
MOST = 10_000
"""Findings that are told; more say nothing more."""
TOLD = {"UNKNOWN": "not of this store", "CHECKED": "its checksum is right", "PUBLIC": "public, no secret"}
COLOURS = {"LIVE": "bold red", "UNKNOWN": "yellow", "CHECKED": "yellow"}


@dataclass(frozen=True)
class Wanted:
    paths: Sequence[Path]
    store: bool
    history: bool
    pause: bool


@dataclass(frozen=True)
class Finding:
    """`state`: as of core/leak.py; UNKNOWN: not of this store; CHECKED: no store was asked, its checksum is right."""

    place: str
    line: int | None
    kind: str
    mask: str
    state: str
    known: Known | None

    @property
    def counts(self) -> bool:
        return self.state == "LIVE" or (self.kind not in PUBLIC and self.state != "EXPIRED")

    def document(self) -> dict[str, Any]:
        named = {"project": self.known.project, "credentialId": self.known.credential, "owner": self.known.owner} if self.known else {}
        return {"place": self.place, "line": self.line, "kind": self.kind, "mask": self.mask, "state": self.state, **named}


@dataclass
class Search:
    """`core` None: there is no store to ask."""

    core: Core | None
    clock: Clock
    pause: bool = False
    found: list[Finding] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)
    looked_at: int = 0

    def __post_init__(self) -> None:
        core = self.core
        self._leaks = Leaks(core.clock, core.audit, core.credentials, core.signing) if core else None

    async def look(self, place: Place) -> None:
        scanner, name = Scanner(), ""
        self.looked_at += 1
        try:
            for chunk in place.chunks():
                for hit in scanner.feed(chunk):
                    name = await self._add(place, name, hit)
                await asyncio.sleep(0)
        except OSError as problem:
            self.problems.add(place.name, problem.strerror or "it cannot be read")
        for hit in scanner.end():
            name = await self._add(place, name, hit)

    async def _add(self, place: Place, name: str, hit: Hit) -> str:
        """The better name of the place, asked for once."""
        known = await self._known(hit)
        if len(self.found) >= MOST or not (known or hit.checked):
            return name
        name = name or (place.told() if place.told else place.name)
        within = place.within(hit.text.reveal())
        line = hit.line if place.lines else None
        if self.pause and known is not None and known.state == "LIVE":
            known = await self._paused(hit, ":".join(filter(None, (f"{name}{within and ' ' + within}", str(line or "")))))
        where, state = f"{name} {within}" if within else name, self._state(hit, known)
        self.found.append(Finding(where, line, hit.format.kind, hit.mask, state, known))
        return name

    async def _known(self, hit: Hit) -> Known | None:
        leaks = self._leaks
        return await self.core.store.scan(lambda tx: leaks.known(tx, hit.text)) if self.core and leaks else None

    async def _paused(self, hit: Hit, place: str) -> Known | None:
        leaks, match = self._leaks, Match(hit.text.reveal(), hit.format.kind, place, "scan")
        assert self.core is not None
        assert leaks is not None
        await self.core.store.write(lambda tx: leaks.report(tx, match, COMMAND))
        return await self._known(hit)

    def _state(self, hit: Hit, known: Known | None) -> str:
        if known is not None:
            return known.state
        if hit.format.kind in PUBLIC:
            return "PUBLIC"
        if hit.format is ACCESS_TOKEN and self._over(ACCESS_TOKEN.payload(hit.text.reveal())["exp"]):
            return "EXPIRED"
        return "UNKNOWN" if self.core else "CHECKED"

    def _over(self, exp: object) -> bool:
        """Whoever wrote the file wrote the claim: it may be anything."""
        return isinstance(exp, int | float) and exp * 1000 <= self.clock.now()


def scan(
    *,
    paths: Annotated[list[Path] | None, typer.Argument(metavar="PATH...", help="Files, folders, repositories; - for input.")] = None,
    data: Annotated[Path | None, typer.Option("--data", envvar="STAGEDOOR_DATA", help="Say which are live in this store.")] = None,
    database: DatabaseOption = None,
    store: Annotated[bool, typer.Option("--store", help="Look at what this store holds too.")] = False,
    history: Annotated[bool, typer.Option("--history/--no-history", help="All objects of git repositories.")] = True,
    pause: Annotated[bool, typer.Option("--pause", help="Pause at once what is live.")] = False,
    only_live: Annotated[bool, typer.Option("--only-live", help="Exit 1 for what is live here alone.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Find keys and tokens by shape and checksum. Exit 1 where there are any, 2 where something could not be looked at."""
    try:
        if (store or pause or only_live) and data is None:
            raise BadInput("--data: it is needed for --store, --pause and --only-live", "data")
        if not paths and not store:
            raise BadInput("PATH: name what to look at, or give --store", "paths")
        search = asyncio.run(_scan(data, database, Wanted(paths or [], store, history, pause), quiet=as_json))
    except StagedoorError as problem:
        fail(problem)
    _tell(search, as_json=as_json)
    if any(one.state == "LIVE" or (one.known and pause) if only_live else one.counts for one in search.found):
        raise typer.Exit(1)
    if search.problems.found:
        raise typer.Exit(2)


async def _scan(data: Path | None, database: str | None, wanted: Wanted, *, quiet: bool) -> Search:
    async with AsyncExitStack() as stack:
        core = await stack.enter_async_context(open_core(settings_of(data, database))) if data is not None else None
        search = Search(core, SystemClock(), wanted.pause)
        console = Console(stderr=True)
        progress = Progress(
            SpinnerColumn(), TextColumn("{task.completed} looked at, {task.fields[found]} found  {task.description}"), console=console,
            transient=True, disable=quiet or not console.is_terminal,
        )  # fmt: skip
        with progress:
            task = progress.add_task("", total=None, found=0)
            async for place in _all(search, wanted):
                await search.look(place)
                progress.update(task, advance=1, found=len(search.found), description=escape(_plain(place.name[-60:])))
        return search


async def _all(search: Search, wanted: Wanted) -> AsyncIterator[Place]:
    for path in wanted.paths:
        for place in places(path, search.problems, history=wanted.history):
            yield place
    if wanted.store and search.core is not None:
        async for place in stored(search.core):
            yield place


def _tell(search: Search, *, as_json: bool) -> None:
    if as_json:
        problems = [{"place": place, "problem": why} for place, why in search.problems.found]
        found = [one.document() for one in search.found]
        typer.echo(json.dumps({"findings": found, "problems": problems, "lookedAt": search.looked_at}))
        return
    console = Console(highlight=False, soft_wrap=True)
    for one in search.found:
        where = _plain(f"{one.place}:{one.line}" if one.line else one.place)
        whose = f", {one.known.owner}, credential {one.known.credential}" if one.known else ""
        colour, told = COLOURS.get(one.state, "dim"), TOLD.get(one.state, one.state)
        console.print(f"{escape(where)}: {one.kind} {escape(one.mask)} [{colour}]{told}[/]{escape(_plain(whose))}")
    for place, why in search.problems.found:
        print(f"stagedoor: {_plain(place)}: {_plain(why)}", file=sys.stderr)
    print(f"{len(search.found)} found in {search.looked_at} places", file=sys.stderr)


def _plain(text: str) -> str:
    """For a terminal: names of files may hold anything."""
    return "".join(each if each.isprintable() else "?" for each in text)
