"""What an operator is to the interpreter: the four things it may do for the tasks of its type."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stagedoor.engine.definition import TaskNode
from stagedoor.engine.embedded.decision import Performed
from stagedoor.engine.embedded.draft import Attempt, Draft, Place
from stagedoor.engine.run import Task

Walk = Callable[[Draft, Sequence[TaskNode], Place], bool]
"""Go through a sequence of nodes; True = its end is reached (tasks of forked branches may still be open)."""

Begin = Callable[[Draft, TaskNode, Place, Attempt], Task]
Advance = Callable[[Draft, TaskNode, Task, Walk], Task]
Finish = Callable[[Draft, TaskNode, Task, Performed], Task]
Branches = Callable[[TaskNode, Task], Sequence[Sequence[TaskNode]]]


@dataclass(frozen=True, slots=True)
class Operator:
    """`begin` makes the task; `advance` looks at an open one again; `performed` takes the result of its job.

    `branches` are the sequences that follow the task once it is done; the next node waits for them if `waits`.
    `retriable`: whether a failed attempt is retried (upstream's built-in tasks are not). `delayed`: whether the node's
    `startDelay` counts.
    """

    begin: Begin
    advance: Advance | None = None
    performed: Finish | None = None
    branches: Branches | None = None
    waits: bool = True
    retriable: bool = True
    delayed: bool = False
