"""What happened: stories, and in each the steps with the request made and the answer that came."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from stagedoor.demo.failure import Unexpected
from stagedoor.demo.masks import Masks
from stagedoor.kit.clock import Clock


@dataclass(frozen=True)
class Step:
    """`request`: `{"method", "path", "headers"?, "body"?}`; `answer`: `{"status", "body"}`; `facts`: what was checked besides. Masked."""

    does: str
    request: dict[str, Any] | None = None
    answer: dict[str, Any] | None = None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass
class Story:
    number: int
    name: str
    about: str
    steps: list[Step] = field(default_factory=list)
    passed: bool = False
    seconds: float = 0.0
    error: str | None = None


class Show(Protocol):
    """Who watches while it happens."""

    def story(self, story: Story) -> None: ...

    def step(self, step: Step) -> None: ...

    def waiting(self, what: str) -> AbstractContextManager[object]: ...


@dataclass
class Journal:
    clock: Clock
    masks: Masks
    show: Show
    stories: list[Story] = field(default_factory=list)

    @contextmanager
    def story(self, number: int, name: str, about: str) -> Iterator[None]:
        story = Story(number, name, about)
        self.stories.append(story)
        self.show.story(story)
        began = self.clock.monotonic()
        try:
            yield
            story.passed = True
        except Exception as problem:  # an answer of another shape or a lost connection is a step that came out otherwise
            told = str(problem) if isinstance(problem, Unexpected) else f"{type(problem).__name__}: {problem}"
            story.error = self.masks.apply(f"story {number}, {name}: {told}")
            raise Unexpected(story.error) from problem
        finally:
            story.seconds = round(self.clock.monotonic() - began, 2)

    def step(self, does: str, request: Any = None, answer: Any = None, **facts: Any) -> None:
        """Record it and show it, masked."""
        step = Step(does, *self.masks.apply([request, answer, facts]))
        self.stories[-1].steps.append(step)
        self.show.step(step)

    def document(self) -> dict[str, Any]:
        """Everything, for machines."""
        passed = bool(self.stories) and all(story.passed for story in self.stories)
        return {"passed": passed, "stories": [asdict(story) for story in self.stories]}
