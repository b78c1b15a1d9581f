"""What becomes of each definition of the corpus when it is saved, worked out by hand from the files."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Saved:
    """`missing`: the secrets it names that do not exist here, one for each warning."""

    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refused:
    """400; the message names the task by its reference name, and the operator that is not built."""

    task: str
    operator: str


@dataclass(frozen=True)
class NoDefinition:
    """An event, a handler, an input: without a name and tasks."""

    what: str


Expectation = Saved | Refused | NoDefinition
EXAMPLES, COOKBOOK, HARNESS = "conductor-examples", "conductor-oss/cookbook", "conductor-oss/test-harness"

BY_FILE: dict[str, Expectation] = {
    f"{EXAMPLES}/alerting-using-opsgenie--alerting-using-opsgenie-workflow": Saved(missing=("OPS_GENIE_TOKEN",)),
    f"{EXAMPLES}/call_http_service--workflow": Saved(),
    f"{EXAMPLES}/community-welcome-workflow--community-welcome-workflow": Saved(missing=("slack_welcome_token", "slack_welcome_token")),
    f"{EXAMPLES}/document_approvals--review_approval": Saved(),
    f"{EXAMPLES}/finance--loan_banking": Saved(),
    f"{EXAMPLES}/shopping_cart--shopping_cart_1": Saved(),
    f"{COOKBOOK}/approval-event": NoDefinition("an event"),
    f"{COOKBOOK}/complete-wait-handler": NoDefinition("an event handler"),
    f"{COOKBOOK}/fulfill-order-workflow": Saved(),
    f"{COOKBOOK}/http-poll-external-job": Refused("await_job", "HTTP_POLL"),
    f"{COOKBOOK}/publish-internal-event-workflow": Refused("publish_order_status", "EVENT"),
    f"{COOKBOOK}/saga-order-compensation": Saved(),
    f"{COOKBOOK}/saga-order-fulfillment": Saved(),
    f"{COOKBOOK}/start-workflow-handler": NoDefinition("an event handler"),
    f"{COOKBOOK}/wait-for-approval-workflow": Saved(),
    f"{COOKBOOK}/workflow-test": NoDefinition("a test request"),
    f"{HARNESS}/blocking_system_task_workflow_integration_test": Saved(),
    f"{HARNESS}/concurrency_limited_task_workflow_integration_test": Saved(),
    f"{HARNESS}/conditional_switch_task_workflow_integration_test": Saved(),
    f"{HARNESS}/conditional_system_task_workflow_integration_test": Saved(),
    f"{HARNESS}/conditional_task_workflow_integration_test": Saved(),
    f"{HARNESS}/decision_and_fork_join_integration_test": Saved(),
    f"{HARNESS}/decision_and_terminate_integration_test": Saved(),
    f"{HARNESS}/do_while_as_subtask_integration_test": Saved(),
    f"{HARNESS}/do_while_cleanup_demo": Saved(),
    f"{HARNESS}/do_while_five_loop_over_integration_test": Saved(),
    f"{HARNESS}/do_while_high_iteration_test": Saved(),
    f"{HARNESS}/do_while_integration_test": Saved(),
    f"{HARNESS}/do_while_iteration_fix_test": Saved(),
    f"{HARNESS}/do_while_multiple_integration_test": Saved(),
    f"{HARNESS}/do_while_set_variable_fix": Saved(),
    f"{HARNESS}/do_while_sub_workflow_integration_test": Saved(),
    f"{HARNESS}/do_while_system_tasks": Saved(),
    f"{HARNESS}/do_while_timeline_ui_demo": Refused("dynamic_fork_ref", "FORK_JOIN_DYNAMIC"),
    f"{HARNESS}/do_while_with_decision_task": Saved(),
    f"{HARNESS}/dynamic_fork_join_integration_test": Refused("dynamicfanouttask", "FORK_JOIN_DYNAMIC"),
    f"{HARNESS}/event_workflow_integration_test": Refused("wait0", "EVENT"),
    f"{HARNESS}/exclusive_join_integration_test": Saved(),
    f"{HARNESS}/failure_workflow_for_terminate_task_workflow": Saved(),
    f"{HARNESS}/fork_join_integration_test": Saved(),
    f"{HARNESS}/fork_join_permissive_integration_test": Saved(),
    f"{HARNESS}/fork_join_sub_workflow": Saved(),
    f"{HARNESS}/fork_join_sync_mode_integration_test": Saved(),
    f"{HARNESS}/fork_join_sync_nested_integration_test": Saved(),
    f"{HARNESS}/fork_join_sync_optional_fail_integration_test": Saved(),
    f"{HARNESS}/fork_join_with_no_permissive_task_retry_integration_test": Saved(),
    f"{HARNESS}/fork_join_with_no_task_retry_integration_test": Saved(),
    f"{HARNESS}/fork_join_with_optional_sub_workflow_forks_integration_test": Saved(),
    f"{HARNESS}/fork_join_with_permissive_sub_workflow_forks_integration_test": Saved(),
    f"{HARNESS}/hierarchical_fork_join_swf": Saved(),
    f"{HARNESS}/json_jq_transform_result_integration_test": Saved(),
    f"{HARNESS}/nested_fork_join_integration_test": Saved(),
    f"{HARNESS}/nested_fork_join_swf": Saved(),
    f"{HARNESS}/nested_fork_join_with_sub_workflow_integration_test": Saved(),
    f"{HARNESS}/output": NoDefinition("an output"),
    f"{HARNESS}/rate_limited_simple_task_workflow_integration_test": Saved(),
    f"{HARNESS}/rate_limited_system_task_workflow_integration_test": Saved(),
    f"{HARNESS}/sequential_json_jq_transform_integration_test": Saved(),
    f"{HARNESS}/set_variable_workflow_integration_test": Saved(),
    f"{HARNESS}/signal_sub_wf_child_integration_test": Saved(),
    f"{HARNESS}/signal_sub_wf_parent_integration_test": Saved(),
    f"{HARNESS}/simple_decision_task_integration_test": Saved(),
    f"{HARNESS}/simple_json_jq_transform_integration_test": Saved(),
    f"{HARNESS}/simple_lambda_workflow_integration_test": Saved(),
    f"{HARNESS}/simple_one_task_sub_workflow_integration_test": Saved(),
    f"{HARNESS}/simple_set_variable_workflow_integration_test": Saved(),
    f"{HARNESS}/simple_switch_task_integration_test": Saved(),
    f"{HARNESS}/simple_wait_task_workflow_integration_test": Saved(),
    f"{HARNESS}/simple_workflow_1_input_template_integration_test": Saved(),
    f"{HARNESS}/simple_workflow_1_integration_test": Saved(),
    f"{HARNESS}/simple_workflow_3_integration_test": Saved(),
    f"{HARNESS}/simple_workflow_with_async_complete_system_task_integration_test": Saved(),
    f"{HARNESS}/simple_workflow_with_optional_task_integration_test": Saved(),
    f"{HARNESS}/simple_workflow_with_permissive_optional_task_integration_test": Saved(),
    f"{HARNESS}/simple_workflow_with_permissive_task_integration_test": Saved(),
    f"{HARNESS}/simple_workflow_with_resp_time_out_integration_test": Saved(),
    f"{HARNESS}/simple_workflow_with_sub_workflow_inline_def_integration_test": Saved(),
    f"{HARNESS}/sqs-complete-wait-event-handler": NoDefinition("an event handler"),
    f"{HARNESS}/sqs-test-workflow": Refused("send_sqs_event_ref", "EVENT"),
    f"{HARNESS}/start_workflow_input": NoDefinition("an input"),
    f"{HARNESS}/switch_and_fork_join_integration_test": Saved(),
    f"{HARNESS}/switch_and_terminate_integration_test": Saved(),
    f"{HARNESS}/switch_with_no_default_case_integration_test": Saved(),
    f"{HARNESS}/terminate_task_completed_workflow_integration_test": Saved(),
    f"{HARNESS}/terminate_task_failed_workflow_integration": Saved(),
    f"{HARNESS}/terminate_task_parent_workflow": Saved(),
    f"{HARNESS}/terminate_task_sub_workflow": Saved(),
    f"{HARNESS}/terminate_task_terminated_status_in_do_while_test": Saved(),
    f"{HARNESS}/terminate_task_terminated_status_test": Saved(),
    f"{HARNESS}/test_task_failed_parent_workflow": Saved(),
    f"{HARNESS}/test_task_failed_sub_workflow": Saved(),
    f"{HARNESS}/wait_workflow_integration_test": Saved(),
    f"{HARNESS}/workflow_that_starts_another_workflow": Refused("st", "START_WORKFLOW"),
    f"{HARNESS}/workflow_with_sub_workflow_1_integration_test": Saved(),
    f"{HARNESS}/workflow_with_synchronous_system_task": Saved(),
}
