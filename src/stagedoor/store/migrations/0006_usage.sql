-- What was really used: one row for each right that a credential made use of in a day (UTC, days since 1970), and one for each credential.
-- `access` is what was asked: an access, or POLL, MAKE, PERMIT, EVERY_<access> (core/usage.py). `credential` '' is nobody's own: a voucher's use.
CREATE TABLE usage (
    project_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    access TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    domain TEXT NOT NULL,
    credential TEXT NOT NULL,
    day INTEGER NOT NULL,
    count BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, subject, access, kind, name, domain, credential, day)
);
CREATE INDEX usage_by_day ON usage (project_id, day);
CREATE TABLE credential_usage (
    project_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    credential TEXT NOT NULL,
    day INTEGER NOT NULL,
    ok BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    last_from TEXT NOT NULL,
    PRIMARY KEY (project_id, subject, credential, day)
);
CREATE INDEX credential_usage_by_day ON credential_usage (project_id, day);
