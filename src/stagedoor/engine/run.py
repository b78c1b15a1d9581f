"""A run (`Workflow` on the wire) and its tasks, as stored and as an engine decides over them. Times are epoch milliseconds, 0 = not yet."""

import msgspec

from stagedoor.engine.definition import Json

TERMINAL = frozenset({"COMPLETED", "COMPLETED_WITH_ERRORS", "SKIPPED", "FAILED", "FAILED_WITH_TERMINAL_ERROR", "CANCELED", "TIMED_OUT"})
SUCCESSFUL = frozenset({"COMPLETED", "COMPLETED_WITH_ERRORS", "SKIPPED"})
RETRIABLE = frozenset({"FAILED", "TIMED_OUT"})
RUN_TERMINAL = frozenset({"COMPLETED", "FAILED", "TIMED_OUT", "TERMINATED"})


class Task(msgspec.Struct, rename="camel", kw_only=True, frozen=True):
    """One attempt at one node. Status names and meanings: contract/conductor-oss.md 3.2."""

    task_id: str
    workflow_instance_id: str
    reference_task_name: str
    task_type: str
    task_def_name: str
    status: str
    seq: int
    retry_count: int = 0
    iteration: int = 0
    input_data: dict[str, Json] = {}
    output_data: dict[str, Json] = {}
    scheduled_time: int = 0
    start_time: int = 0
    first_start_time: int = 0
    update_time: int = 0
    end_time: int = 0
    worker_id: str | None = None
    poll_count: int = 0
    reason_for_incompletion: str | None = None
    callback_after_seconds: int = 0
    response_timeout_seconds: int = 0
    start_delay_in_seconds: int = 0
    retried_task_id: str | None = None
    retried: bool = False
    executed: bool = False
    sub_workflow_id: str | None = None
    domain: str | None = None


class Run(msgspec.Struct, rename="camel", kw_only=True, frozen=True):
    """One execution of one revision of a definition."""

    workflow_id: str
    project_id: str
    workflow_name: str
    name_id: str = ""
    """The id of the name that the run belongs to: no other name ever has it. "" = of no name."""
    workflow_version: int
    revision_id: str
    status: str = "RUNNING"
    input: dict[str, Json] = {}
    output: dict[str, Json] = {}
    variables: dict[str, Json] = {}
    correlation_id: str | None = None
    reason_for_incompletion: str | None = None
    priority: int = 0
    task_to_domain: dict[str, str] = {}
    idempotency_key: str | None = None
    starter: str = ""
    created_by: str = ""
    end_user: str = ""
    """Whose fields of integrations it uses; "" = nobody's. Children and failure workflows have their root's."""
    ceiling: str = ""
    """What the credential that started it may at most do, in the gate's own words; "" = nothing limits it. Runs below have it as well."""
    root_id: str = ""
    parent_workflow_id: str | None = None
    parent_workflow_task_id: str | None = None
    depth: int = 0
    masked_fields: list[str] = []
    """Names whose values reads do not show: the definition's own, those of the run above it, and those of its children that ended."""
    create_time: int = 0
    update_time: int = 0
    end_time: int = 0
    next_check: int = 0
    """The next moment a time limit, a retry delay or a WAIT of this run falls due; 0 = none."""
