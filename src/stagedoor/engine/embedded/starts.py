"""How runs come to be: by request (once for each idempotency key), as a child of a SUB_WORKFLOW task, as a failure workflow."""

import msgspec

from stagedoor.engine.definition import Json, WorkflowDefinition
from stagedoor.engine.embedded.apply import FAILURE_KEY, FailureJob, Machine
from stagedoor.engine.embedded.decision import Event, Performed, StartChild
from stagedoor.engine.embedded.definitions import Kept
from stagedoor.engine.embedded.rows import load_run, put_run
from stagedoor.engine.port import Prepare, Revision, StartRequest, WithinStart
from stagedoor.engine.run import RUN_TERMINAL, Run
from stagedoor.engine.validate import validate
from stagedoor.kit.errors import BadInput, Conflict, NotFound
from stagedoor.store.store import Transaction

DEEPEST = 50
"""Runs that start runs that start runs: a workflow that starts itself fails at this depth instead of filling the disk."""
STRATEGIES = (None, "FAIL", "RETURN_EXISTING", "FAIL_ON_RUNNING")


class Starts:
    """Makes runs inside the caller's transaction."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def start(self, tx: Transaction, project: str, request: StartRequest, within: WithinStart | None) -> str:
        """See `port.Engine.start`."""
        now, run_id = self._machine.clock.now(), self._machine.new_id()
        kept = self._kept(tx, project, request)
        revision = kept.revision
        holder = self._holder(tx, project, kept, request, run_id)
        if holder:
            return holder
        run = Run(
            workflow_id=run_id,
            project_id=project,
            workflow_name=revision.definition.name,
            name_id=kept.name_id,
            workflow_version=revision.definition.version,
            revision_id=revision.revision_id,
            input=request.input,
            correlation_id=request.correlation_id,
            priority=request.priority,
            task_to_domain=request.task_to_domain,
            idempotency_key=request.idempotency_key,
            starter=request.starter,
            created_by=request.created_by,
            ceiling=request.ceiling,
            end_user=request.end_user,
            root_id=run_id,
            masked_fields=revision.definition.masked_fields,
            create_time=now,
            update_time=now,
        )
        if within:
            within(tx, run)
        self._machine.begin(tx, run, revision)
        return run_id

    def _kept(self, tx: Transaction, project: str, request: StartRequest) -> Kept:
        """A definition that came with the request is of no name, whatever it calls itself."""
        definitions = self._machine.definitions
        if request.definition is None:
            return definitions.kept(tx, project, request.name, request.version)
        inline = request.definition
        validate(inline)
        prepare: Prepare = request.prepare or (lambda tx, previous, revision_id: inline)
        return Kept(definitions.save(tx, project, request.starter, prepare), "")

    def _holder(self, tx: Transaction, project: str, kept: Kept, request: StartRequest, run_id: str) -> str | None:
        """The run that answers for this idempotency key already; None if a new one is to be made. A run of a deleted name that was
        called the same answers for nothing."""
        if request.idempotency_key is None:
            return None
        name = kept.revision.definition.name
        place = {"project_id": project, "name": name, "idempotency_key": request.idempotency_key}
        if tx.do("idempotency_claim", run_id=run_id, **place):
            return None
        held = tx.one("idempotency_holder", **place)
        if held is None or held["name_id"] != kept.name_id:
            tx.do("idempotency_move", run_id=run_id, **place)
            return None
        holder: str = held["run_id"]
        if (found := load_run(tx, holder)) is not None and found.end_user != request.end_user:
            raise Conflict(f"a run of {name} with this idempotencyKey exists already, for another end user")
        if request.idempotency_strategy == "RETURN_EXISTING":
            return holder
        if request.idempotency_strategy == "FAIL_ON_RUNNING" and held["status"] in RUN_TERMINAL:
            tx.do("idempotency_move", run_id=run_id, **place)
            return None
        raise Conflict(f"a run of {name} with this idempotencyKey exists already: {holder}")

    # -- children
    def child(self, tx: Transaction, parent_id: str, command: StartChild) -> None:
        """Start the child of a locked parent's task; whatever stands against it fails that task."""
        parent = load_run(tx, parent_id)
        if parent is None or parent.status in RUN_TERMINAL:
            return
        try:
            revision, name_id = self._child_kept(tx, parent, command)
        except (NotFound, BadInput) as problem:
            self._machine.handle(tx, parent_id, _cannot(command.task_id, problem.message))
            return
        now = self._machine.clock.now()
        child = self._below(parent, command.child_id, revision)
        child = msgspec.structs.replace(
            child,
            name_id=name_id,
            input=command.input,
            task_to_domain=command.task_to_domain,
            priority=command.priority,
            root_id=parent.root_id,
            parent_workflow_id=parent_id,
            parent_workflow_task_id=command.task_id,
            create_time=now,
            update_time=now,
        )
        self._machine.begin(tx, child, revision)

    def _child_kept(self, tx: Transaction, parent: Run, command: StartChild) -> Kept:
        """An inline definition was saved as a part of its parent: its runs belong to the parent's name, whatever it calls itself."""
        if parent.depth >= DEEPEST:
            raise BadInput(f"sub-workflows are nested more than {DEEPEST} deep")
        if command.definition is None:
            return self._machine.definitions.kept(tx, parent.project_id, command.name, command.version)
        inline = _inline(command.definition)
        saver = self._machine.definitions.revision(tx, parent.project_id, parent.revision_id).saved_by
        return Kept(self._machine.definitions.save(tx, parent.project_id, saver, lambda tx, previous, revision_id: inline), parent.name_id)

    # -- failure workflows
    def failure(self, tx: Transaction, failed: Run, job: FailureJob) -> None:
        """Start a failure workflow in the name of whoever last saved the definition that failed; who began it all is remembered."""
        try:
            if failed.depth >= DEEPEST:
                raise BadInput(f"failure workflows follow each other more than {DEEPEST} deep")
            revision, name_id = self._machine.definitions.kept(tx, failed.project_id, job.name, None)
        except (NotFound, BadInput) as problem:
            text = f"Error workflow {job.name} failed to start. reason: {problem.message}"
            put_run(tx, msgspec.structs.replace(failed, output={**failed.output, FAILURE_KEY: text}))
            return
        now = self._machine.clock.now()
        saver = self._machine.definitions.revision(tx, failed.project_id, failed.revision_id).saved_by
        run = self._below(failed, job.run_id, revision)
        run = msgspec.structs.replace(
            run,
            name_id=name_id,
            input=job.input,
            task_to_domain=failed.task_to_domain,
            priority=failed.priority,
            root_id=job.run_id,
            starter=saver,
            created_by=failed.created_by,
            create_time=now,
            update_time=now,
        )
        self._machine.begin(tx, run, revision)

    def _below(self, above: Run, run_id: str, revision: Revision) -> Run:
        """A new run in the name of the one above, one step deeper."""
        return Run(
            workflow_id=run_id,
            project_id=above.project_id,
            workflow_name=revision.definition.name,
            workflow_version=revision.definition.version,
            revision_id=revision.revision_id,
            correlation_id=above.correlation_id,
            starter=above.starter,
            created_by=above.created_by,
            ceiling=above.ceiling,
            end_user=above.end_user,
            depth=above.depth + 1,
            masked_fields=sorted({*above.masked_fields, *revision.definition.masked_fields}),
        )


def checked(request: StartRequest) -> StartRequest:
    """BadInput for what no start can mean."""
    if request.idempotency_strategy not in STRATEGIES:
        raise BadInput(f"idempotencyStrategy is one of {', '.join(each for each in STRATEGIES if each)}", "idempotencyStrategy")
    return request


def _inline(definition: Json) -> WorkflowDefinition:
    try:
        found = msgspec.convert(definition, WorkflowDefinition)
    except msgspec.ValidationError as problem:
        raise BadInput(f"the inline definition of the sub-workflow is not valid: {problem}") from None
    validate(found)
    return found


def _cannot(task_id: str, reason: str) -> Event:
    return Performed(task_id=task_id, error=reason, terminal=True)
