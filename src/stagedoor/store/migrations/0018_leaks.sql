-- What came of a credential's requests by the hour (hours since 1970, UTC), and from where by the day.
CREATE TABLE credential_hour (
    project_id TEXT NOT NULL,
    credential TEXT NOT NULL,
    hour INTEGER NOT NULL,
    ok BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    PRIMARY KEY (project_id, credential, hour)
);
CREATE INDEX credential_hour_by_hour ON credential_hour (project_id, hour);
CREATE TABLE credential_address (
    project_id TEXT NOT NULL,
    credential TEXT NOT NULL,
    day INTEGER NOT NULL,
    address TEXT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, credential, day, address)
);
CREATE INDEX credential_address_by_day ON credential_address (project_id, day);

-- Credentials that were found where they do not belong: one row for each credential and place. It outlives the credential.
-- `paused`: whether a report paused it. `reported_by`: the key that signed the report, or the command that found it.
CREATE TABLE leak (
    leak_id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    credential TEXT NOT NULL,
    kind TEXT NOT NULL,
    owner TEXT NOT NULL,
    mask TEXT NOT NULL,
    place TEXT NOT NULL,
    source TEXT NOT NULL,
    reported_by TEXT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    reports INTEGER NOT NULL,
    paused_at BIGINT
);
CREATE INDEX leak_of_project ON leak (project_id, first_at, leak_id);
CREATE INDEX leak_of_credential ON leak (project_id, credential);
