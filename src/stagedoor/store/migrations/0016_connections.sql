-- What end users connect. A field of an integration is a row of `secret` without versions of its own, so that one name is one or the
-- other; each end user's value is sealed in `secret_version`, under an id that says whose value of which field it is. Times are epoch ms.
ALTER TABLE secret ADD COLUMN integration TEXT;
CREATE TABLE integration (
    project_id TEXT NOT NULL,
    slug TEXT NOT NULL,
    settings TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_by TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, slug)
);
CREATE TABLE connection_value (
    project_id TEXT NOT NULL,
    end_user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    slug TEXT NOT NULL,
    nonce TEXT NOT NULL,
    version INTEGER NOT NULL,
    expires_at BIGINT,
    renew_at BIGINT,
    PRIMARY KEY (project_id, end_user_id, name)
);
CREATE INDEX connection_value_to_renew ON connection_value (project_id, renew_at);
CREATE INDEX connection_value_of_field ON connection_value (project_id, slug, name);
CREATE TABLE connect_visit (
    visit TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    end_user_id TEXT NOT NULL,
    redirect_url TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    mac TEXT NOT NULL
);
-- One link is used once, as long as its row here lasts, which is longer than any link.
CREATE UNIQUE INDEX connect_visit_of_session ON connect_visit (session_id);
CREATE INDEX connect_visit_of_project ON connect_visit (project_id, expires_at);
