"""After a crash: is everything there that was acknowledged, and does everything go on?"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from time import monotonic
from typing import Any, TypeVar

from tests.crash.client import Client
from tests.crash.ledger import UNNAMED, Application, Ledger, Thing
from tests.crash.load import GRANTABLE, WORKERS, start_again, worker

T = TypeVar("T")
AT_ONCE = 16
SETTLED_SECONDS = 60


async def check(client: Client, ledger: Ledger, *, everything: bool = False) -> None:
    """Compare what the ledger has touched since the last check, or everything, with what the server holds now."""
    things = list(ledger.accounts) if everything else list(ledger.touched)
    runs = {start.run_id for start in ledger.starts.values() if start.run_id} | set(ledger.reports) if everything else ledger.touched_runs
    grants = await _grants(client)
    await _each(things, lambda thing: _look(client, ledger, thing, grants))
    await _each(runs | ledger.open_runs, lambda run_id: _look_at_run(client, ledger, run_id))
    ledger.touched.clear()
    ledger.touched_runs.clear()


async def settle(client: Client, ledger: Ledger) -> None:
    """Starts in doubt are sent again, workers go on, and every run ever started must come to its end."""
    await _each([key for key, start in ledger.starts.items() if start.run_id is None], lambda key: start_again(client, ledger, key))
    working = [asyncio.create_task(_for_ever(worker(client, ledger, random.Random(number)))) for number in range(WORKERS)]
    deadline = monotonic() + SETTLED_SECONDS
    try:
        while ledger.open_runs and monotonic() < deadline and not any(task.done() for task in working):
            await asyncio.sleep(0.2)
            await _each(list(ledger.open_runs), lambda run_id: _look_whether_over(client, ledger, run_id))
    finally:
        for task in working:
            task.cancel()
        ended = await asyncio.gather(*working, return_exceptions=True)
    if problems := [problem for problem in ended if not isinstance(problem, asyncio.CancelledError)]:
        raise ExceptionGroup("workers", [problem for problem in problems if isinstance(problem, Exception)])
    ledger.lost += [f"run {run_id} is stuck" for run_id in ledger.open_runs]


async def _for_ever(step: Callable[[], Awaitable[None]]) -> None:
    while True:
        await step()


async def _each(items: Iterable[T], do: Callable[[T], Awaitable[None]]) -> None:
    """All of them, a few at a time."""
    left = iter(list(items))

    async def some() -> None:
        for item in left:
            await do(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(some())


async def _look(client: Client, ledger: Ledger, thing: Thing, grants: dict[str, set[str]]) -> None:
    kind, name = thing
    if kind == "secret":
        status, value = await client.ask("GET", f"/api/secrets/{name}")
        assert status in (200, 404), f"secret {name}: {status}"
        ledger.found(thing, value if status == 200 else None)
    else:
        ledger.found(thing, await _application(client, ledger, name, frozenset(grants[name])))


async def _application(client: Client, ledger: Ledger, application: str, grants: frozenset[str]) -> Application | None:
    """As it is listed; and what is listed must be what works."""
    status, listed = await client.ask("GET", f"/api/applications/{application}/accessKeys")
    assert status in (200, 404), f"application {application}: {status} {listed}"
    secrets = ledger.keys.get(application, {})
    keys = {key["id"]: key["status"] == "ACTIVE" for key in listed} if status == 200 else {}
    tokens = {key_id: await client.exchange(key_id, secret) for key_id, secret in secrets.items()}
    for key_id, token in tokens.items():
        await _works(client, ledger, key_id, token, keys.get(key_id, False))
    fresh = next((token for token in tokens.values() if token), None)
    if fresh is not None:
        effective = {name for name in GRANTABLE if await client.call("GET", f"/api/secrets/{name}/exists", token=fresh)}
        if effective != grants:
            ledger.lost.append(f"application {application}: {sorted(grants)} are granted, {sorted(effective)} have effect")
    if status == 404:
        return None if not grants else Application(grants=grants)
    return Application(frozenset((key_id if key_id in secrets else UNNAMED, active) for key_id, active in keys.items()), grants)


async def _works(client: Client, ledger: Ledger, key_id: str, fresh: str | None, active: bool) -> None:
    """An active key is exchanged and its tokens are good; of another one nothing works."""
    old = ledger.tokens.get(key_id)
    accepted = old is not None and (await client.ask("GET", "/api/token/userInfo", token=old))[0] == 200
    if (fresh is not None) != active or (old is not None and accepted != active):
        ledger.lost.append(f"key {key_id}: {active=}, but exchanged={fresh is not None} and its old token accepted={accepted}")


async def _grants(client: Client) -> dict[str, set[str]]:
    """Application -> the secrets it may READ."""
    found: dict[str, set[str]] = defaultdict(set)
    for name in GRANTABLE:
        on_target: dict[str, list[dict[str, Any]]] = await client.call("GET", f"/api/auth/authorization/SECRET_NAME/{name}")
        for subject in on_target["READ"]:
            found[subject["id"].removeprefix("app:")].add(name)
    return found


async def _look_whether_over(client: Client, ledger: Ledger, run_id: str) -> None:
    """While workers go on a run is not judged: what it shows may be older than what they know by then."""
    if (await client.call("GET", f"/api/workflow/{run_id}/status"))["status"] != "RUNNING":
        ledger.open_runs.discard(run_id)


async def _look_at_run(client: Client, ledger: Ledger, run_id: str) -> None:
    status, run = await client.ask("GET", f"/api/workflow/{run_id}")
    if status == 200:
        ledger.found_run(run)
    else:
        ledger.lost.append(f"run {run_id} is gone: {status}")
        ledger.open_runs.discard(run_id)
