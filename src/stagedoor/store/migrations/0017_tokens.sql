-- Signing keys: since when each signs (the latest does); retired_at is the time from which it verifies nothing, and may lie ahead.
ALTER TABLE signing_key ADD COLUMN signs_from BIGINT;
UPDATE signing_key SET signs_from = created_at;

-- Access tokens that were revoked, by their jti, and what others descend from: kept until none of them can be alive.
CREATE TABLE revoked_token (
    project_id TEXT NOT NULL,
    jti TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, jti)
);
CREATE INDEX revoked_token_by_expiry ON revoked_token (project_id, expires_at);

-- Whom an application trusts in place of a secret: an issuer, an audience and conditions, as JSON. The credential of the same id vouches
-- for the text by its digest. Another revision with each change.
CREATE TABLE trust (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    application_id TEXT NOT NULL,
    terms TEXT NOT NULL,
    revision TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX trust_of_application ON trust (application_id, created_at, id);

-- Tokens of issuers that were taken once, by the digest of issuer and jti, until they expire.
CREATE TABLE used_assertion (
    project_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, digest)
);
CREATE INDEX used_assertion_by_expiry ON used_assertion (project_id, expires_at);
