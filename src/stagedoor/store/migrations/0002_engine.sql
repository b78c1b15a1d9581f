-- The embedded engine: definitions, runs, tasks, work to do. `body` is the JSON of the struct that the columns are taken from.

-- One immutable save of a workflow definition, secrets sealed. Unregistered (inline) definitions have one as well.
CREATE TABLE workflow_revision (
    revision_id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    body TEXT NOT NULL,
    saved_by TEXT NOT NULL,
    saved_at BIGINT NOT NULL
);

-- Which revision a name and version means now.
CREATE TABLE workflow_definition (
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    revision_id TEXT NOT NULL,
    PRIMARY KEY (project_id, name, version)
);
CREATE INDEX workflow_definition_of_revision ON workflow_definition (revision_id);

CREATE TABLE task_definition (
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    saved_by TEXT NOT NULL,
    PRIMARY KEY (project_id, name)
);

-- `input` never changes and is kept apart, so that a decision does not write it again. `next_check` 0 = nothing falls due.
CREATE TABLE run (
    run_id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    revision_id TEXT NOT NULL,
    status TEXT NOT NULL,
    correlation_id TEXT,
    created_at BIGINT NOT NULL,
    next_check BIGINT NOT NULL,
    input TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX run_of_revision ON run (revision_id);
CREATE INDEX run_newest ON run (project_id, created_at, run_id);
CREATE INDEX run_of_name ON run (project_id, name, created_at, run_id);
CREATE INDEX run_due ON run (next_check) WHERE next_check > 0;

CREATE TABLE task (
    task_id TEXT PRIMARY KEY,
    run_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX task_of_run ON task (run_id, seq);

CREATE TABLE task_log (
    task_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    log TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (task_id, position)
);

-- The run last started under an idempotency key of a workflow name.
CREATE TABLE idempotency (
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    run_id TEXT NOT NULL,
    PRIMARY KEY (project_id, name, idempotency_key)
);
CREATE INDEX idempotency_of_run ON idempotency (run_id);

-- What waits to be done: worker tasks (line `project/queue`) and jobs of this server (lines `@...`). At most one for each item.
-- A job is leased while it is performed; a worker task leaves the table when it is handed out.
CREATE TABLE work (
    item_id TEXT PRIMARY KEY,
    run_id TEXT NOT NULL,
    line TEXT NOT NULL,
    rank INTEGER NOT NULL,
    due BIGINT NOT NULL,
    payload TEXT NOT NULL,
    lease TEXT NOT NULL,
    leased_until BIGINT NOT NULL
);
CREATE INDEX work_in_line ON work (line, rank, due, item_id);
CREATE INDEX work_by_due ON work (line, due);
CREATE INDEX work_of_run ON work (run_id);

-- Who fires the timers. `token` grows with every change of owner, so that a late former owner is found out.
CREATE TABLE clockwork (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    token BIGINT NOT NULL,
    until BIGINT NOT NULL
);
