-- name: credential_hour_add!
-- What came of a credential's requests in an hour.
INSERT INTO credential_hour (project_id, credential, hour, ok, refused, failed)
VALUES (:project_id, :credential, :hour, :ok, :refused, :failed)
ON CONFLICT (project_id, credential, hour) DO UPDATE SET ok = credential_hour.ok + excluded.ok,
refused = credential_hour.refused + excluded.refused, failed = credential_hour.failed + excluded.failed;

-- name: credential_hours
-- The hours of a credential since one of them, newest first.
SELECT hour, ok, refused, failed FROM credential_hour
WHERE project_id = :project_id AND credential = :credential AND hour >= :hour ORDER BY hour DESC;

-- name: credential_hours_of_project
-- How often each credential of a project was used since an hour.
SELECT credential, SUM(ok) AS ok, SUM(refused) AS refused, SUM(failed) AS failed FROM credential_hour
WHERE project_id = :project_id AND hour >= :hour GROUP BY credential;

-- name: credential_hour_prune!
-- Hours that are kept no longer.
DELETE FROM credential_hour WHERE project_id = :project_id AND hour < :hour;

-- name: credential_address_add!
-- A credential was used from there today.
INSERT INTO credential_address (project_id, credential, day, address, last_at)
VALUES (:project_id, :credential, :day, :address, :last_at)
ON CONFLICT (project_id, credential, day, address) DO UPDATE SET last_at = excluded.last_at;

-- name: credential_address_trim!
-- Of a credential's day, the addresses that it was used from last stay.
DELETE FROM credential_address WHERE project_id = :project_id AND credential = :credential AND day = :day AND address NOT IN (
    SELECT address FROM credential_address
    WHERE project_id = :project_id AND credential = :credential AND day = :day ORDER BY last_at DESC, address LIMIT :most
);

-- name: credential_addresses
-- From where a credential was used since a day, newest first.
SELECT day, address, last_at FROM credential_address
WHERE project_id = :project_id AND credential = :credential AND day >= :day ORDER BY last_at DESC, address;

-- name: credential_address_prune!
-- Days that are kept no longer.
DELETE FROM credential_address WHERE project_id = :project_id AND day < :day;

-- name: credential_rights_used
-- What a credential was used for since a day.
SELECT access, kind, name, domain, SUM(count) AS count, MAX(last_at) AS last_at FROM usage
WHERE project_id = :project_id AND subject = :subject AND credential = :credential AND day >= :day
GROUP BY access, kind, name, domain ORDER BY MAX(last_at) DESC, access, kind, name, domain LIMIT :size;

-- name: credential_shown^
-- A credential as its owner is shown it.
SELECT id, project_id, kind, owner, name, mask, created_at, expires_at, paused_at, replaces, retire_at, retire_idle, last_used_at,
    last_used_from FROM credential
WHERE project_id = :project_id AND id = :id;

-- name: credentials_of_project
-- All credentials of a project, in pages: those that come after one that is known.
SELECT id, project_id, kind, owner, name, mask, created_at, expires_at, paused_at, replaces, retire_at, retire_idle, last_used_at,
    last_used_from FROM credential
WHERE project_id = :project_id AND id > :id ORDER BY id LIMIT :size;
