"""What clients of a server that crashes know of it: what was acknowledged, and what is in doubt because no answer came.

The server may lose nothing of the first. Of a change in doubt it may hold the whole or nothing, and what it was seen to hold after
a crash it must not lose either.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

Thing = tuple[str, str]
"""("application", its id) or ("secret", its name)."""
State = Hashable
"""Of a secret its value, of an application an `Application`; None: it is not there."""
UNNAMED = "?"
"""Stands for access keys whose ids no answer told."""


@dataclass(frozen=True)
class Application:
    """`keys`: id and whether active. `grants`: the secrets it may READ."""

    keys: frozenset[tuple[str, bool]] = frozenset()
    grants: frozenset[str] = frozenset()


@dataclass
class Account:
    """A thing as it is known to be, and as the one request without an answer may have made it."""

    known: State
    doubtful: bool = False
    doubt: State = None

    def allows(self, found: State) -> bool:
        return found == self.known or (self.doubtful and found == self.doubt)


@dataclass
class Report:
    """What a worker said of a task. `prompt`: it was answered well before the task's lease was over, so it had to count."""

    task_id: str
    status: str
    nonce: str
    acknowledged: bool = False
    prompt: bool = False


@dataclass
class Start:
    """A workflow's start under an idempotency key; `run_id` None: in doubt."""

    workflow: str
    number: int
    run_id: str | None = None


@dataclass
class Ledger:
    """`touched`, `touched_runs` and `open_runs` are what the next check looks at. All that is not as it should be is a line in `lost`."""

    accounts: dict[Thing, Account] = field(default_factory=dict)
    touched: set[Thing] = field(default_factory=set)
    keys: dict[str, dict[str, str]] = field(default_factory=dict)
    """Application -> access key -> its secret, deleted ones too."""
    tokens: dict[str, str] = field(default_factory=dict)
    """Access key -> a token it minted once."""
    starts: dict[str, Start] = field(default_factory=dict)
    reports: dict[str, list[Report]] = field(default_factory=dict)
    open_runs: set[str] = field(default_factory=set)
    touched_runs: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)

    @property
    def acknowledged(self) -> int:
        return self.counts.total()

    def known(self, thing: Thing) -> Any:
        account = self.accounts.get(thing)
        return account.known if account else None

    def add(self, thing: Thing, state: State) -> None:
        """Something new, acknowledged."""
        self.accounts[thing] = Account(state)
        self.touched.add(thing)

    async def change(self, what: str, thing: Thing, request: Awaitable[Any], becomes: Callable[[Any], State]) -> Any:
        """Send one change of one thing: `becomes` tells its state from the answer, None where none came."""
        account = self.accounts.setdefault(thing, Account(None))
        self.touched.add(thing)
        account.doubtful, account.doubt = True, becomes(None)
        answer = await request
        account.known, account.doubtful = becomes(answer), False
        self.counts[what] += 1
        return answer

    def report(self, run_id: str, report: Report) -> None:
        """What is about to be said of a task."""
        self.reports.setdefault(run_id, []).append(report)
        self.touched_runs.add(run_id)

    def found(self, thing: Thing, state: State) -> None:
        """After a crash: this is what there is."""
        account = self.accounts[thing]
        if not account.allows(state):
            doubt = f" or {account.doubt}" if account.doubtful else ""
            self.lost.append(f"{thing}: {state} was found, not {account.known}{doubt}")
        account.known, account.doubtful = state, False

    def found_run(self, run: dict[str, Any]) -> None:
        """After a crash: a run with its tasks, as the server shows it."""
        run_id, tasks = run["workflowId"], {task["taskId"]: task for task in run["tasks"]}
        reports = self.reports.get(run_id, [])
        for report in reports:
            if report.acknowledged and report.prompt and not _holds(tasks.get(report.task_id), report):
                self.lost.append(f"run {run_id}: {report} does not count: {_shown(tasks.get(report.task_id))}")
        said = {report.task_id: report for report in reports}
        for task in tasks.values():
            from_worker = task["taskType"] != "SUB_WORKFLOW" and "nonce" in task["outputData"]  # a child's output is its last task's
            if from_worker and not (task["taskId"] in said and _holds(task, said[task["taskId"]])):
                self.lost.append(f"run {run_id}: nobody said so of a task: {_shown(task)}")
        done = Counter(task["referenceTaskName"] for task in tasks.values() if task["status"] == "COMPLETED")
        if twice := [name for name, times in done.items() if times > 1]:
            self.lost.append(f"run {run_id}: {twice} completed more than once")
        if run["status"] not in ("RUNNING", "COMPLETED"):
            self.lost.append(f"run {run_id} is {run['status']}: {run.get('reasonForIncompletion')}")
        if run["status"] == "COMPLETED":
            self.open_runs.discard(run_id)


def _holds(task: dict[str, Any] | None, report: Report) -> bool:
    return task is not None and task["status"] == report.status and task["outputData"].get("nonce") == report.nonce


def _shown(task: dict[str, Any] | None) -> str:
    if task is None:
        return "no such task"
    return " ".join(str(task.get(name)) for name in ("taskId", "referenceTaskName", "status", "outputData", "reasonForIncompletion"))
