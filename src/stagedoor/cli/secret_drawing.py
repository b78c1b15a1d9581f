"""Where a secret goes and what a policy would refuse, as trees and tables for people."""

from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from stagedoor.gate.uses import DryRun, Use, Where

SHOWN = 50
"""Rows of a table; all of them are in the JSON."""
FILE_WIDTH = 200


def draw_where(found: Where) -> None:
    tree = Tree(Text.assemble((found.secret, "bold"), "  viewed by a release alone" if found.release else ""))
    used = _by_task(found)
    branch = tree.add(Text(f"definitions: {found.references} references", "yellow"))
    for one in found.definitions:
        place = branch.add(Text(f"{one.workflow} {one.version} / {one.task} ({one.task_type}) {one.place}  {one.reference}"))
        place.add(Text(f"vouched for by {one.voucher}" + (f": {one.problem}" if one.problem else ""), "red" if one.problem else "dim"))
        place.add(Text(_told(used.get((one.workflow, one.task), [])), "dim"))
    if found.task_definitions:
        branch = tree.add(Text("task definitions, by runtimeMetadata", "yellow"))
        for beside in found.task_definitions:
            voucher = f"vouched for by {beside.voucher}" + (f": {beside.problem}" if beside.problem else "")
            branch.add(Text(f"{beside.task_definition}  {voucher}", "red" if beside.problem else ""))
    if found.puts:
        branch = tree.add(Text("UPDATE_SECRET tasks", "yellow"))
        for put in found.puts:
            what = "may write any: its name is made from data" if put.from_data else "puts it"
            place = branch.add(Text(f"{put.workflow} {put.version} / {put.task}  {what}"))
            place.add(Text(f"saved by {put.saver}" + (f": {put.problem}" if put.problem else ""), "red" if put.problem else "dim"))
    branch = tree.add(Text("may be handed to" if found.consumers else "may be handed to nobody", "yellow"))
    for consumer in found.consumers:
        takes = [*consumer.task_types, *(f"domain {domain}" for domain in consumer.domains)]
        last = f"handed {consumer.handed} times, last {_moment(consumer.last_at)}" if consumer.last_at else "never handed"
        branch.add(Text(f"{consumer.user}  takes {', '.join(takes)}; {last} ({consumer.why})"))
    console = _console()
    console.print(tree)
    _draw_uses(console, found)


def _draw_uses(console: Console, found: Where) -> None:
    if not found.uses:
        console.print(f"no use recorded in 90 days (recording began {_moment(found.recorded_since)})")
    else:
        table = Table(title="what became of it", title_justify="left")
        for column in ("workflow", "task", "door", "consumer", "host", "30 days", "90 days", "last"):
            table.add_column(column, overflow="fold")
        for use in found.uses[:SHOWN]:
            cells = (
                use.workflow,
                use.task,
                use.door,
                use.consumer,
                use.host or "",
                str(use.count30),
                str(use.count90),
                _moment(use.last_at),
            )
            table.add_row(*map(escape, cells))
        console.print(table)
    if found.more or len(found.uses) > SHOWN:
        console.print(f"there is more: --start {found.start + found.size}, or --json")


def draw_dry_run(found: DryRun) -> None:
    console = _console()
    console.print(f"{escape(found.secret)}: of {found.judged} recorded uses in {found.days} days, {found.refused} would have been refused.")
    if found.unjudged:
        console.print(f"{found.unjudged} were recorded before their places were, and could not be judged.")
    if not found.complete:
        console.print("[red]There are more sorts of use than were judged.[/]")
    if found.refusals:
        table = Table()
        for column in ("refused by", "workflow", "task", "place", "consumer", "host", "uses", "first", "last"):
            table.add_column(column, overflow="fold")
        for one in found.refusals[:SHOWN]:
            cells = (one.reason, one.workflow, one.task, one.place, one.consumer, one.host or "", str(one.count))
            table.add_row(*map(escape, cells), _moment(one.first_at), _moment(one.last_at))
        console.print(table)
    console.print(found.note, style="dim")


def _by_task(found: Where) -> dict[tuple[str, str], list[Use]]:
    used: dict[tuple[str, str], list[Use]] = {}
    for use in found.uses:
        used.setdefault((use.workflow, use.task), []).append(use)
    return used


def _told(uses: list[Use]) -> str:
    """One task's uses, in a line."""
    if not uses:
        return "not used in 90 days"
    to = sorted({f"{use.door} to {use.host or use.consumer}" for use in uses})
    shown = ", ".join(to[:3]) + (f" and {len(to) - 3} more" if len(to) > 3 else "")
    counts = f"{sum(use.count30 for use in uses)} in 30 days, {sum(use.count90 for use in uses)} in 90"
    return f"used {counts}, last {_moment(max(use.last_at for use in uses))}: {shown}"


def _console() -> Console:
    """As wide as the terminal; wide where there is none, for a file is not to be cut."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=FILE_WIDTH)


def _moment(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M}"
