"""`stagedoor demo`: the seed stories, end to end, on a temporary store."""

import asyncio
import json
import signal
import tempfile
from pathlib import Path

import typer
from rich.console import Console

from stagedoor.cli.options import JsonOption
from stagedoor.demo.failure import Unexpected
from stagedoor.demo.journal import Journal
from stagedoor.demo.masks import Masks
from stagedoor.demo.show import Quiet, Told
from stagedoor.kit.clock import SystemClock


def demo(as_json: JsonOption = False) -> None:
    """The seed stories, end to end, on a temporary store. Exit 1 if any step does not come out as expected."""
    out, errors = Console(highlight=False), Console(stderr=True, highlight=False)
    journal = Journal(SystemClock(), Masks(), Quiet(errors) if as_json else Told(out))
    problem: str | None = None
    try:
        asyncio.run(_tell(journal))
    except (Unexpected, asyncio.CancelledError) as raised:
        problem = journal.masks.apply(str(raised)) or "stopped"
    if as_json:
        typer.echo(json.dumps(journal.document() | {"error": problem}, ensure_ascii=False, indent=1))
    elif problem is None:
        out.print(f"\n[green]All {len(journal.stories)} stories came out as told.[/]")
    if problem is not None:
        errors.print(f"stagedoor demo: {problem}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1)


async def _tell(journal: Journal) -> None:
    """A demo that is told to stop takes its processes and its folder with it."""
    from stagedoor.demo.stories import tell_all  # here: no other command waits for its import

    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with tempfile.TemporaryDirectory(prefix="stagedoor-demo-") as folder:
        await tell_all(journal, Path(folder))
