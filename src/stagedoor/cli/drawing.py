"""Explanations as trees, for people."""

import re
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.text import Text
from rich.tree import Tree

from stagedoor.core.explainer import Able, Explanation
from stagedoor.core.question import Question
from stagedoor.gate.stops import StoppedWorkflow
from stagedoor.gate.what_if import WhatIf

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def cell(text: str | None) -> str:
    """A text from outside, for a table: neither rich nor the terminal takes anything in it for an order."""
    return escape(_CONTROL.sub("?", text or ""))


def draw_explanation(found: Explanation) -> None:
    asked = f"{found.access} on {found.resource.type} {found.resource.id}" + (f" in domain {found.domain}" if found.domain else "")
    verdict = Text.assemble((f"{found.subject} ", "bold"), ("may", "green") if found.allowed else ("may not", "red"), f"  {asked}")
    tree = Tree(verdict)
    if found.reason:
        tree.add(Text(found.reason, "red"))
    if found.remedies:
        enough = tree.add(Text("any one of these would be enough", "dim"))
        for remedy in found.remedies:
            enough.add(Text(remedy.text))
    for number, path in enumerate(found.paths, 1):
        branch = tree if len(found.paths) == 1 else tree.add(Text(f"path {number} of {len(found.paths)}", "dim"))
        for step in path.via:
            branch = branch.add(Text(step.text))
    _console().print(tree)


def draw_able(question: Question, found: Sequence[Able]) -> None:
    tree = Tree(Text.assemble((str(question), "bold"), f"  {len(found)} may"))
    for one in found:
        branch = tree.add(Text(one.subject, "green"))
        for path in one.paths:
            branch.add(Text(path))
    _console().print(tree)


def draw_what_if(found: WhatIf) -> None:
    tree = Tree(Text("Nothing would stop." if not (found.lost or found.workflows or found.workers) else "This would stop:", "bold"))
    workflows = [_stopped(one) for one in found.workflows]
    workers = [f"{one.subject}, tasks of {one.task_type}: {one.reason}" for one in found.workers]
    lost = [f"{one.subject}: {one.access} on {one.resource['type']} {one.resource['id']}" for one in found.lost]
    for title, lines in (("workflows", workflows), ("workers", workers), ("rights that would be lost", lost)):
        if lines:
            branch = tree.add(Text(title, "yellow"))
            for line in lines:
                branch.add(Text(line))
    if not found.complete:
        tree.add(Text("it touches more than was looked at", "red"))
    _console().print(tree)


def _stopped(one: StoppedWorkflow) -> str:
    version = f" version {one.version}" if one.version else ""
    place = f" [{_CONTROL.sub('?', one.place)}]" if one.place else ""
    return f"{one.name}{version}: {one.reason}{place}" + (f"\n  {one.remedy}" if one.remedy else "")


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True)
