"""The operators the embedded engine works itself, by task type, and the one for all worker tasks. A new one is a line in this table."""

from stagedoor.engine.embedded.operators import call, fork, keep, loop, script, simple, waiting, worker
from stagedoor.engine.embedded.operators.operator import Operator
from stagedoor.engine.operators import BUILT

WORKER = Operator(worker.begin, delayed=True)

OPERATORS: dict[str, Operator] = {
    "SWITCH": Operator(script.begin_switch, performed=script.switch_performed, branches=script.branches, retriable=False),
    "DECISION": Operator(script.begin_decision, performed=script.switch_performed, branches=script.branches, retriable=False),
    "SET_VARIABLE": Operator(simple.begin_set_variable, retriable=False),
    "NOOP": Operator(simple.begin_noop, retriable=False),
    "TERMINATE": Operator(simple.begin_terminate, retriable=False),
    "INLINE": Operator(script.begin_inline, performed=script.inline_performed),
    "LAMBDA": Operator(script.begin_lambda, performed=script.inline_performed),
    "JSON_JQ_TRANSFORM": Operator(script.begin_jq, performed=script.jq_performed),
    "HTTP": Operator(call.begin_http, performed=call.http_performed, delayed=True),
    "UPDATE_SECRET": Operator(keep.begin, performed=keep.performed, retriable=False),
    "SUB_WORKFLOW": Operator(
        call.begin_sub_workflow, advance=call.advance_sub_workflow, performed=call.sub_workflow_performed, delayed=True
    ),
    "FORK_JOIN": Operator(fork.begin_fork, branches=fork.branches, waits=False, retriable=False),
    "JOIN": Operator(fork.begin_join, advance=fork.advance_join, retriable=False),
    "EXCLUSIVE_JOIN": Operator(fork.begin_join, advance=fork.advance_join, retriable=False),
    "WAIT": Operator(waiting.begin, advance=waiting.advance),
    "HUMAN": Operator(waiting.begin, advance=waiting.advance),
    "DO_WHILE": Operator(loop.begin, advance=loop.advance, performed=loop.performed, retriable=False),
}


def operator_of(task_type: str) -> Operator:
    """The operator of a node's type; every type that is not in the table is a worker task."""
    return OPERATORS.get(task_type, WORKER)


__all__ = ["BUILT", "OPERATORS", "WORKER", "Operator", "operator_of"]
