"""Workflow and task definitions as Conductor writes them (JSON Schemas WorkflowDef and TaskDef of Conductor OSS 3.32).

Unknown fields are ignored as Jackson does. `rename="camel"` gives the wire names.
"""

from typing import Any

import msgspec

Json = Any
"""Any JSON value: None, bool, int, float, str, list, dict."""


class TaskDefinition(msgspec.Struct, rename="camel", kw_only=True, omit_defaults=False):
    """What a kind of task promises: retries and time limits. Times in seconds unless the name says otherwise."""

    name: str
    description: str | None = None
    retry_count: int = 3
    retry_logic: str = "FIXED"
    retry_delay_seconds: int = 60
    max_retry_delay_seconds: int = 0
    backoff_scale_factor: int = 1
    backoff_jitter_ms: int = 0
    timeout_seconds: int = 0
    timeout_policy: str = "TIME_OUT_WF"
    response_timeout_seconds: int = 3600
    poll_timeout_seconds: int | None = None
    total_timeout_seconds: int = 0
    concurrent_exec_limit: int | None = None
    rate_limit_per_frequency: int | None = None
    rate_limit_frequency_in_seconds: int | None = None
    input_keys: list[str] = []
    output_keys: list[str] = []
    input_template: dict[str, Json] = {}
    runtime_metadata: list[str] = []
    isolation_group_id: str | None = None
    execution_name_space: str | None = None
    owner_email: str | None = None
    base_type: str | None = None
    input_schema: dict[str, Json] | None = None
    output_schema: dict[str, Json] | None = None
    enforce_schema: bool = False
    owner_app: str | None = None
    create_time: int | None = None
    update_time: int | None = None
    created_by: str | None = None
    updated_by: str | None = None


class SubWorkflow(msgspec.Struct, rename="camel", kw_only=True):
    """Which workflow a SUB_WORKFLOW task runs: by name (and version), or a definition written inline."""

    name: str = ""
    version: int | None = None
    task_to_domain: dict[str, str] | None = None
    workflow_definition: Json = None
    idempotency_key: str | None = None
    idempotency_strategy: str | None = None
    priority: Json = None


class TaskNode(msgspec.Struct, rename="camel", kw_only=True):
    """One task of a workflow definition (`WorkflowTask` upstream)."""

    name: str
    task_reference_name: str
    type: str = "SIMPLE"
    description: str | None = None
    input_parameters: dict[str, Json] = {}
    dynamic_task_name_param: str | None = None
    case_value_param: str | None = None
    case_expression: str | None = None
    script_expression: str | None = None
    decision_cases: dict[str, list["TaskNode"]] = {}
    default_case: list["TaskNode"] = []
    fork_tasks: list[list["TaskNode"]] = []
    dynamic_fork_tasks_param: str | None = None
    dynamic_fork_tasks_input_param_name: str | None = None
    start_delay: int = 0
    sub_workflow_param: SubWorkflow | None = None
    join_on: list[str] = []
    join_status: str | None = None
    join_mode: str | None = None
    sink: str | None = None
    optional: bool = False
    permissive: bool = False
    task_definition: TaskDefinition | None = None
    rate_limited: bool | None = None
    default_exclusive_join_task: list[str] = []
    async_complete: bool = False
    loop_condition: str | None = None
    loop_over: list["TaskNode"] = []
    items: str | None = None
    retry_count: int | None = None
    evaluator_type: str | None = None
    expression: str | None = None
    on_state_change: dict[str, Json] = {}
    cache_config: dict[str, Json] | None = None

    def branches(self) -> list[list["TaskNode"]]:
        """Every list of nodes nested directly in this one, in a fixed order."""
        return [*self.decision_cases.values(), self.default_case, *self.fork_tasks, self.loop_over]


class WorkflowDefinition(msgspec.Struct, rename="camel", kw_only=True):
    """A workflow definition, `schemaVersion` 2. `timeout_seconds` 0 means no limit."""

    name: str
    version: int = 1
    tasks: list[TaskNode]
    description: str | None = None
    input_parameters: list[str] = []
    output_parameters: dict[str, Json] = {}
    input_template: dict[str, Json] = {}
    variables: dict[str, Json] = {}
    failure_workflow: str | None = None
    schema_version: int = 2
    restartable: bool = True
    workflow_status_listener_enabled: bool = False
    workflow_status_listener_sink: str | None = None
    owner_email: str | None = None
    timeout_policy: str = "ALERT_ONLY"
    timeout_seconds: int = 0
    rate_limit_config: dict[str, Json] | None = None
    input_schema: dict[str, Json] | None = None
    output_schema: dict[str, Json] | None = None
    enforce_schema: bool = True
    metadata: dict[str, Json] = {}
    cache_config: dict[str, Json] | None = None
    masked_fields: list[str] = []
    owner_app: str | None = None
    create_time: int | None = None
    update_time: int | None = None
    created_by: str | None = None
    updated_by: str | None = None


def nodes(tasks: list[TaskNode]) -> list[TaskNode]:
    """Every node of a definition, nested ones included, in the order they are written."""
    found: list[TaskNode] = []
    for node in tasks:
        found.append(node)
        for branch in node.branches():
            found.extend(nodes(branch))
    return found
