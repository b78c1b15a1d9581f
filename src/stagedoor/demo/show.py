"""The two ways to watch: for people, with colours and a spinner where there is a terminal; and none, while JSON is gathered."""

import json
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.rule import Rule
from rich.text import Text

from stagedoor.demo.journal import Step, Story

BODY = 200
"""Characters of a body that people are shown."""


class Told:
    """A line for each step, one for its request and one for its answer."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def story(self, story: Story) -> None:
        self.console.print()
        self.console.print(Rule(f"[bold]{story.number}  {escape(story.name)}[/]", align="left", style="cyan"))
        self.console.print(f"[dim]{escape(story.about)}[/]", highlight=False)

    def step(self, step: Step) -> None:
        self.console.print(Text.assemble(("✓ ", "green"), step.does))
        if step.request is not None:
            self._line(f"{step.request['method']} {step.request['path']}", step.request.get("body"), "cyan")
            for name, value in step.request.get("headers", {}).items():
                self._line(f"  {name}:", value, "dim")
        if step.answer is not None:
            self._line(str(step.answer["status"]), step.answer["body"], "green" if step.answer["status"] < 300 else "yellow")
        for name, value in step.facts.items():
            self._line(f"{name.replace('_', ' ')}:", value, "magenta")

    def waiting(self, what: str) -> AbstractContextManager[object]:
        return self.console.status(escape(what))

    def _line(self, head: str, body: Any, style: str) -> None:
        self.console.print(Text.assemble("    ", (head, style), " ", (shown(body), "default")), soft_wrap=True)


class Quiet:
    """For `--json`: nothing on standard output; on a terminal, which story is being told."""

    def __init__(self, errors: Console) -> None:
        self.errors = errors

    def story(self, story: Story) -> None:
        if self.errors.is_terminal:
            self.errors.print(f"story {story.number}: {escape(story.name)}")

    def step(self, step: Step) -> None:
        return

    def waiting(self, what: str) -> AbstractContextManager[object]:
        return self.errors.status(escape(what)) if self.errors.is_terminal else nullcontext()


def shown(body: Any) -> str:
    """Text as it is, other values as compact JSON, cut to what one wants to read."""
    if body is None or body == "":
        return ""
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return text if len(text) <= BODY else f"{text[:BODY]}… ({len(text)} characters)"
