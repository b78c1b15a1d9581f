-- Projects, persons, applications, credentials, grants, secrets, audit. Times are epoch milliseconds.
CREATE TABLE project (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    settings TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE data_key (
    key_id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX data_key_of_project ON data_key (project_id, created_at);
CREATE TABLE signing_key (
    kid TEXT PRIMARY KEY,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT
);
CREATE TABLE person (
    id TEXT PRIMARY KEY,
    password_hash TEXT,
    created_at BIGINT NOT NULL
);
CREATE TABLE account (
    project_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    person_id TEXT,
    uuid TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, user_id)
);
CREATE INDEX account_of_person ON account (person_id, project_id);
CREATE TABLE application (
    project_id TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_by TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, id)
);
CREATE TABLE credential (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    owner TEXT NOT NULL,
    digest TEXT,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    paused_at BIGINT,
    last_used_at BIGINT,
    last_used_from TEXT
);
CREATE INDEX credential_of_owner ON credential (project_id, owner, kind, created_at);
CREATE TABLE subject_role (
    project_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    role TEXT NOT NULL,
    granted_by TEXT NOT NULL,
    granted_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, subject, role)
);
CREATE TABLE access_grant (
    project_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    target_type TEXT NOT NULL,
    target_id TEXT NOT NULL,
    access TEXT NOT NULL,
    granted_by TEXT NOT NULL,
    granted_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, subject, target_type, target_id, access)
);
CREATE INDEX access_grant_on_target ON access_grant (project_id, target_type, target_id);
CREATE TABLE tag (
    project_id TEXT NOT NULL,
    target_type TEXT NOT NULL,
    target_id TEXT NOT NULL,
    tag_key TEXT NOT NULL,
    tag_value TEXT NOT NULL,
    tag_type TEXT,
    PRIMARY KEY (project_id, target_type, target_id, tag_key)
);
CREATE TABLE secret (
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    secret_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    policy TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_by TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, name)
);
CREATE TABLE secret_version (
    secret_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (secret_id, version)
);
CREATE TABLE marker (
    marker_id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    revision_id TEXT NOT NULL,
    task_ref TEXT NOT NULL,
    place TEXT NOT NULL,
    secret_name TEXT NOT NULL,
    secret_path TEXT,
    voucher TEXT NOT NULL
);
CREATE INDEX marker_of_revision ON marker (revision_id, task_ref);
CREATE TABLE receipt (
    root_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    secret_id TEXT NOT NULL,
    secret_name TEXT NOT NULL,
    version INTEGER NOT NULL,
    door TEXT NOT NULL,
    consumer TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    PRIMARY KEY (root_id, secret_id, version, task_id)
);
CREATE TABLE audit (
    audit_id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    credential TEXT,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    count INTEGER NOT NULL,
    mac TEXT NOT NULL
);
CREATE INDEX audit_of_project ON audit (project_id, at);
CREATE INDEX receipt_of_version ON receipt (secret_id, version);
