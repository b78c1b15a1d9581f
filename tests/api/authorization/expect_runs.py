"""What the routes of runs, tasks and polls answer (contract/orkes.md B and C, and its decisions on 403 and 404). How to read it:
`notation.py`."""

from tests.api.authorization.notation import Row, every, row

RESULT = {"taskId": "{task!}", "workflowInstanceId": "{run}", "status": "COMPLETED"}
OWN, NONE = every("+"), every("4")
BOTH = ("WORKFLOW_DEF", "TASK_DEF")

# A run belongs to its workflow: to who may not READ that, the run is not there.
#           AUMWR- wmcuMWPAU- KHO
READS_RUN = "+4+++4 4444++4+44 +44"
ENDS_RUN = "+4++34 4444++4+44 344"

# A task is polled by EXECUTE on its definition, and by an application with a role of workers alone.
POLLS = "e3ee33 333e333e33 333"
POLLS_OWN = "eeeeee e33e333e33 eee"
BATCH = "+3++33 333+333+33 333"
BATCH_OWN = "++++++ +33+333+33 +++"

# Who may poll reports. Who reads the workflow, or may EXECUTE the task without being a worker, sees the task and gets 403.
REPORTS = "+4++34 444+334+44 344"
REPORTS_OWN = "++++++ +33+333+33 +++"
NEXT = "e3ee33 333e333e33 333"
NEXT_OWN = "eeeeee e33e333e33 eee"
WRONG_RUN = "444444 4334333433 444"
SEES_TASK = "+4+++4 444+++4+44 +44"

_RUN = {"own": OWN, "unknown": NONE, "kind": "WORKFLOW_DEF", "refused": "run {run}", "path": "/api/workflow/{run!}"}
_POLL = {"kind": "TASK_DEF", "refused": "TASK_DEF {taskdef}", "bare": "33333"}
_TASK = {"unknown": NONE, "refused": "task {task}"}
_REPORT = {
    **_TASK, "own": REPORTS_OWN, "grants": {"WORKFLOW_DEF": "43444", "TASK_DEF": "4444+"},
    "bare": {"WORKFLOW_DEF": "43444", "TASK_DEF": "44443"},
}  # fmt: skip
_SEE = {**_TASK, "own": OWN, "grants": {"WORKFLOW_DEF": "4+444", "TASK_DEF": "4444+"}}


def runs() -> list[Row]:
    return [
        row("GET", "/api/workflow/{workflowId}", READS_RUN, **_RUN, grants="4+444"),
        row("DELETE", "/api/workflow/{workflowId}", ENDS_RUN, **_RUN, grants="43444", spends=True),
        row("GET", "/api/workflow/{workflowId}/status", READS_RUN, **{**_RUN, "path": "/api/workflow/{run!}/status"}, grants="4+444"),
    ]


def tasks() -> list[Row]:
    """Polling is the same whether or not there is such a task. A task that is told to be of another run is not there."""
    poll, batch = "/api/tasks/poll/{taskdef!}", "/api/tasks/poll/batch/{taskdef!}?timeout=0"
    return [
        row("GET", "/api/tasks/poll/{type}", POLLS, own=POLLS_OWN, unknown=POLLS, path=poll, grants="3333e", **_POLL),
        row("GET", "/api/tasks/poll/batch/{type}", BATCH, own=BATCH_OWN, unknown=BATCH, path=batch, grants="3333+", **_POLL),
        row("POST", "/api/tasks", REPORTS, **_REPORT, body=RESULT, spends=True, nested=WRONG_RUN, inner="run"),
        row(
            "POST", "/api/tasks/update-v2", NEXT, own=NEXT_OWN, unknown=every("3"), body=RESULT, spends=True, refused="task {task}",
            nested=every("3"), inner="run",
            grants={"WORKFLOW_DEF": "33333", "TASK_DEF": "3333e"}, bare={"WORKFLOW_DEF": "33333", "TASK_DEF": "33333"},
        ),
        row("GET", "/api/tasks/{taskId}", SEES_TASK, **_SEE, path="/api/tasks/{task!}"),
        row("GET", "/api/tasks/{taskId}/log", SEES_TASK, **_SEE, path="/api/tasks/{task!}/log"),
        row("POST", "/api/tasks/{taskId}/log", REPORTS, **_REPORT, path="/api/tasks/{task!}/log", body=b"a line"),
        row("POST", "/api/tasks/{taskId}/token", REPORTS, **_REPORT, path="/api/tasks/{task!}/token"),
    ]  # fmt: skip


ROWS = (*runs(), *tasks())
