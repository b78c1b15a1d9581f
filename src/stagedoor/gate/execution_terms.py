"""What a task's definition says of the execution tokens that it may ask for: `_executionToken` among its `inputParameters`
(docs/decisions/0038-execution-tokens.md).

It is read from the definition alone, never from a run's data, and binds whoever runs it.
"""

from collections.abc import Iterator, Sequence

import msgspec

from stagedoor.core.ceiling import Ceiling, Within
from stagedoor.core.grant import Target, thing_of
from stagedoor.engine.definition import TaskNode, WorkflowDefinition
from stagedoor.engine.operators import is_worker
from stagedoor.engine.validate import sites
from stagedoor.kit.errors import BadInput
from stagedoor.kit.strictjson import check_name
from stagedoor.kit.template import strings

FIELD = "_executionToken"
PLACE = f"/{FIELD}"
"""As a JSON pointer into `inputParameters`."""
MOST_PARTS = 50
ALLOWED = ("READ", "EXECUTE")


class Terms(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """`access`, `resources`, `readOnly`: a ceiling, `{}` for all that a run's token may. `audience`: for whom else it may be made out."""

    access: Sequence[str] = ()
    resources: Sequence[Target] = ()
    read_only: bool = False
    audience: Sequence[str] = ()

    @property
    def ceiling(self) -> Ceiling | None:
        found = Ceiling((), tuple(self.access), tuple(Within(*thing_of(one, FIELD)) for one in self.resources), self.read_only)
        return found if found.limits else None


def asks(node: TaskNode) -> bool:
    return FIELD in node.input_parameters


def terms_of(node: TaskNode) -> Terms:
    """Of a task that asks. BadInput names the part that cannot be meant."""
    written = node.input_parameters[FIELD]
    for place, text in strings(written, FIELD):
        if "${" in text:
            raise BadInput(f"{place}: it is read from the definition alone, so nothing in it comes from data", place)
    try:
        found = msgspec.convert(written, Terms)
    except msgspec.ValidationError as problem:
        raise BadInput(f"{FIELD}: {problem}", FIELD) from None
    for name in ("access", "resources", "audience"):
        if len(getattr(found, name)) > MOST_PARTS:
            raise BadInput(f"{FIELD}.{name}: more than {MOST_PARTS}", f"{FIELD}.{name}")
    for access in found.access:
        if access not in ALLOWED:
            raise BadInput(f"{FIELD}.access: {access[:100]} is not one of {', '.join(ALLOWED)}", f"{FIELD}.access")
    for target in found.resources:
        thing_of(target, f"{FIELD}.resources")
    for audience in found.audience:
        check_name(audience, f"{FIELD}.audience")
    return found


def wrong_terms(definition: WorkflowDefinition) -> Iterator[tuple[str, str, str, str]]:
    """(what is wrong, the field, its JSON pointer, the task) of each task of a definition that asks and cannot."""
    for site in sites(definition):
        node, ref = site.node, site.node.task_reference_name
        if not asks(node):
            continue
        where = f"task {ref} ({node.type}): inputParameters"
        place = f"{site.place}/inputParameters/{FIELD}"
        if not is_worker(node.type):
            yield f"{where}.{FIELD}: only a task that a worker does asks for an execution token", f"inputParameters.{FIELD}", place, ref
            continue
        try:
            terms_of(node)
        except BadInput as problem:
            yield f"{where}.{problem.message}", f"inputParameters.{FIELD}", place, ref
