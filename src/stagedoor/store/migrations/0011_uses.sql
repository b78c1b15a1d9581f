-- What became of each secret: one row for each place that a value was filled in at, with the right it rested on. `receipt` stays what
-- the redaction goes by. `literal`: the whole authority stood in the definition; where it did not, it was on the secret's list of hosts.
CREATE TABLE secret_use (
    use_id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    root_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    workflow TEXT NOT NULL,
    workflow_version INTEGER NOT NULL,
    task_id TEXT NOT NULL,
    task_ref TEXT NOT NULL,
    task_type TEXT NOT NULL,
    place TEXT NOT NULL,
    secret_id TEXT NOT NULL,
    secret_name TEXT NOT NULL,
    secret_path TEXT,
    secret_version INTEGER NOT NULL,
    door TEXT NOT NULL,
    consumer TEXT NOT NULL,
    starter TEXT NOT NULL,
    voucher TEXT NOT NULL,
    voucher_access TEXT NOT NULL,
    authority TEXT NOT NULL,
    with_port TEXT NOT NULL,
    literal INTEGER NOT NULL,
    opened_at BIGINT NOT NULL
);
CREATE INDEX secret_use_of_secret ON secret_use (project_id, secret_id, opened_at);
CREATE INDEX secret_use_of_tree ON secret_use (project_id, root_id, opened_at);
CREATE INDEX secret_use_of_project ON secret_use (project_id, opened_at);
-- The same, counted by day (UTC, days since 1970), so that questions about a busy secret stay quick: up to `secret_use_counted.until`.
CREATE TABLE secret_use_day (
    project_id TEXT NOT NULL,
    secret_id TEXT NOT NULL,
    day INTEGER NOT NULL,
    workflow TEXT NOT NULL,
    task_ref TEXT NOT NULL,
    task_type TEXT NOT NULL,
    place TEXT NOT NULL,
    door TEXT NOT NULL,
    consumer TEXT NOT NULL,
    voucher TEXT NOT NULL,
    voucher_access TEXT NOT NULL,
    authority TEXT NOT NULL,
    with_port TEXT NOT NULL,
    literal INTEGER NOT NULL,
    uses BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, secret_id, day, workflow, task_ref, task_type, place, door, consumer, voucher, voucher_access, authority,
        with_port, literal)
);
CREATE INDEX secret_use_day_by_day ON secret_use_day (project_id, day);
CREATE TABLE secret_use_counted (
    project_id TEXT PRIMARY KEY,
    until BIGINT NOT NULL
);
CREATE INDEX marker_of_secret ON marker (project_id, secret_name);

-- What viewing a secret demands, as JSON; '' = no more than READ.
ALTER TABLE secret ADD COLUMN viewing TEXT NOT NULL DEFAULT '';
-- What one person asked for and another one must agree to: to view a value for some time, or a change that would open a way around that.
CREATE TABLE secret_release (
    release_id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    secret_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    asker TEXT NOT NULL,
    reason TEXT NOT NULL,
    minutes INTEGER NOT NULL,
    change TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    status TEXT NOT NULL,
    decided_by TEXT,
    decided_at BIGINT,
    ends_at BIGINT NOT NULL
);
CREATE INDEX secret_release_of_secret ON secret_release (project_id, secret_id, asked_at);
-- Who made an account, and who sent the link that sets its password.
CREATE INDEX audit_of_accounts ON audit (project_id, target) WHERE action IN ('user.create', 'user.invite');
