"""Story 3: the post office is asked with a user name that nobody ever sees."""

from typing import Any

from stagedoor.demo.caller import Answer, Call, Caller
from stagedoor.demo.failure import Unexpected
from stagedoor.demo.post_office import HOST, RATE
from stagedoor.demo.search import files_of, forms, places
from stagedoor.demo.stage import Stage, ended

ABOUT = f"A workflow asks the post office at https://{HOST}, played by this machine. The post office wants a user name, which is a secret."
SECRET = "post_office_username"  # noqa: S105  a name
PARCEL = {
    "service": "priority", "from": "04046", "to": "98260", "pounds": "20", "ounces": "0",
    "box": "variable", "width": "12", "length": "12", "height": "12",
}  # fmt: skip


async def tell(stage: Stage) -> None:
    user = stage.post_office.user
    await stage.secret(SECRET, "misspelt-name")
    await stage.save("postage")
    desk = await stage.application("parcel-desk")
    await stage.grant(desk, "WORKFLOW_DEF", "postage", "EXECUTE", "READ")
    caller = await stage.signed_in(desk, "The desk exchanges its key for a token", "parcel-desk")
    await _run(stage, caller, "A wrong user name is refused, and the workflow says so", {"error": "Authorization failure."})
    await stage.secret(SECRET, user)
    run = await _run(stage, caller, "The right one gets a price", {"rate": RATE})
    _arrived(stage)
    await _nowhere(stage, caller, run, user)


async def _run(stage: Stage, caller: Caller, does: str, output: dict[str, str]) -> dict[str, Any]:
    start = Call("POST", "/api/workflow/postage", PARCEL)
    run_id: str = (await caller.ask("The desk asks what a parcel costs", start)).body
    look = Call("GET", f"/api/workflow/{run_id}")
    run: dict[str, Any] = (await stage.until(caller, does, look, ended)).body
    if run["status"] != "COMPLETED" or run["output"] != output:
        raise Unexpected(f"{does}: expected {output}, got {run['status']} {run.get('output')} {run.get('reasonForIncompletion', '')}")
    tasks = [{name: task[name] for name in ("referenceTaskName", "status")} for task in run["tasks"]]
    caller.write(does, look, Answer(200, b"", {"status": run["status"], "output": run["output"], "tasks": tasks}))
    return run


def _arrived(stage: Stage) -> None:
    """What the post office itself saw."""
    if [request["userid"] for request in stage.post_office.requests] != ["unknown", "known"]:
        raise Unexpected(f"the post office got other requests: {stage.post_office.requests}")
    does = "The post office got the true user name, under its own host name and over TLS"
    stage.journal.step(does, received=stage.post_office.requests[-1])


async def _nowhere(stage: Stage, caller: Caller, run: dict[str, Any], user: str) -> None:
    """The user name is in no answer of the API, no log, no audit row and no byte of the database, in any form; the run's id is."""
    does = "The user name is nowhere: not in the execution, the outputs, the logs, the audit or the database"
    searched = await _answers(stage, caller, run) | files_of(stage.data, stage.logs)
    found = [place for name in (user, "misspelt-name") for place in places(name, searched)]
    if found:
        raise Unexpected(f"the user name stands in {', '.join(found)}")
    control = [place.removesuffix(" (plain)") for place in places(run["workflowId"], searched) if place.endswith("(plain)")]
    audited = any(b"secret.egress" in data for name, data in searched.items() if name.startswith("stagedoor.db"))
    if not any(name.startswith("stagedoor.db") for name in control) or "execution" not in control or not audited:
        raise Unexpected(f"the search is no search: it found the run's id only in {control}, and the audit row: {audited}")
    sizes = {name: len(data) for name, data in searched.items()}
    http = next(task for task in run["tasks"] if task["referenceTaskName"] == "ask_post_office")
    stage.journal.step(
        does, searched_bytes=sizes, forms=list(forms(user)), found_in=found, run_id_found_in=control,
        request_as_shown=http["inputData"]["http_request"]["uri"][:110], answer_as_kept=http["outputData"]["response"]["body"],
    )  # fmt: skip


async def _answers(stage: Stage, caller: Caller, run: dict[str, Any]) -> dict[str, bytes]:
    """Everything the API says of the run, and of the secret short of its value."""
    paths = {"execution": f"/api/workflow/{run['workflowId']}", "status": f"/api/workflow/{run['workflowId']}/status?includeOutput=true"}
    paths |= {f"task {task['referenceTaskName']}": f"/api/tasks/{task['taskId']}" for task in run["tasks"]}
    paths |= {"definition": "/api/metadata/workflow/postage", "health": "/health"}
    answers = {name: (await caller.quietly(Call("GET", path))).raw for name, path in paths.items()}
    return answers | {"secrets": (await stage.admin.quietly(Call("GET", "/api/secrets-v2"))).raw}
