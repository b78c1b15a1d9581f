-- Project keys, end users and the links by which they connect (contract/project-keys.md). Times are epoch milliseconds.
-- HS256 keys that project secret keys are signed with, sealed. The newest signs; each stays while a secret key names its `kid`.
CREATE TABLE project_signing_key (
    kid TEXT PRIMARY KEY,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);
-- One publishable key a project.
CREATE UNIQUE INDEX publishable_key_of_project ON credential (project_id) WHERE kind = 'publishable_key';
-- One digest is one secret key, of one project: whoever shows it cannot be taken for another's.
CREATE UNIQUE INDEX secret_key_by_digest ON credential (digest) WHERE kind = 'secret_key';
CREATE INDEX credential_by_kid ON credential (kid);
CREATE TABLE end_user (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    source_id TEXT NOT NULL,
    company_name TEXT NOT NULL,
    email TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX end_user_by_source ON end_user (project_id, source_id);
CREATE INDEX end_user_of_project ON end_user (project_id, id);
-- What an end user has connected, one row for each integration. `last_success_at`: the last request that its service took.
CREATE TABLE integration_connection (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    end_user_id TEXT NOT NULL,
    integration TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_request_at BIGINT,
    last_success_at BIGINT
);
CREATE UNIQUE INDEX integration_connection_of_end_user ON integration_connection (project_id, end_user_id, integration);
-- A link for one end user: SHA-256 of its client secret, and a MAC over what the row says.
CREATE TABLE auth_session (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    end_user_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    redirect_url TEXT,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    mac TEXT NOT NULL
);
CREATE UNIQUE INDEX auth_session_by_digest ON auth_session (digest);
CREATE INDEX auth_session_of_end_user ON auth_session (project_id, end_user_id);
CREATE INDEX auth_session_by_end ON auth_session (expires_at);
