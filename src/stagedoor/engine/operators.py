"""The task types: which the embedded engine works itself, which upstream ones it refuses, and that all others are worker tasks."""

WORKER = frozenset({"SIMPLE", "DYNAMIC", "USER_DEFINED"})
"""Worker tasks under a name of their own; any type that stands nowhere on this page is one under its type's name."""

BUILT = frozenset(
    {
        "SWITCH",
        "DECISION",
        "SET_VARIABLE",
        "INLINE",
        "LAMBDA",
        "TERMINATE",
        "SUB_WORKFLOW",
        "HTTP",
        "FORK_JOIN",
        "JOIN",
        "EXCLUSIVE_JOIN",
        "WAIT",
        "HUMAN",
        "NOOP",
        "DO_WHILE",
        "JSON_JQ_TRANSFORM",
        "UPDATE_SECRET",
    }
)
"""Run by the embedded engine itself."""

REFUSED = frozenset(
    {
        "FORK_JOIN_DYNAMIC",
        "START_WORKFLOW",
        "EVENT",
        "KAFKA_PUBLISH",
        "JDBC",
        "PULL_WORKFLOW_MESSAGES",
        "HTTP_POLL",
        "AGENT",
        "GET_AGENT_CARD",
        "CANCEL_AGENT",
        "LIST_MCP_TOOLS",
        "CALL_MCP_TOOL",
        "GENERATE_IMAGE",
        "GENERATE_AUDIO",
        "GENERATE_VIDEO",
        "GENERATE_PDF",
    }
)
"""Upstream's own types that are not built: as worker tasks they would wait for ever, so they are refused at saving."""

EVALUATORS = frozenset({"value-param", "javascript", "graaljs"})
"""Ways to evaluate the expression of a SWITCH or an INLINE. Upstream also has `python`, which is refused."""


def is_refused(task_type: str) -> bool:
    return task_type in REFUSED or task_type.startswith("LLM_") or "MCP" in task_type.split("_")


def is_worker(task_type: str) -> bool:
    """Whether tasks of this type are handed to workers (if they are not refused)."""
    return task_type not in BUILT and not is_refused(task_type)
