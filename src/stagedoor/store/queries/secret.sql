-- name: secret_by_name^
-- point: A secret without its value.
SELECT secret_id, name, version, policy, source, integration, expires_at FROM secret WHERE project_id = :project_id AND name = :name;

-- name: secret_kept^
-- A secret about to be opened, with its newest version and the key that one is sealed under: until the transaction ends nobody deletes
-- the secret or changes its policy.
SELECT s.secret_id, s.version, s.source, s.integration, s.expires_at, v.key_id, v.sealed, v.destroyed_at, k.sealed AS wrapped, k.master_id
FROM secret s
LEFT JOIN secret_version v ON v.secret_id = s.secret_id AND v.version = s.version
LEFT JOIN data_key k ON k.project_id = s.project_id AND k.key_id = v.key_id
WHERE s.project_id = :project_id AND s.name = :name /*postgres FOR SHARE OF s */;

-- name: secret_locked^
-- point: A secret about to change: two puts follow one another, and a deletion comes after whoever is opening it.
SELECT secret_id, name, version, source, integration FROM secret WHERE project_id = :project_id AND name = :name /*postgres FOR UPDATE */;

-- name: secrets_of_project
-- All names, sorted.
SELECT name FROM secret WHERE project_id = :project_id ORDER BY name;

-- name: secret_insert!
-- A new secret; its first version follows in the same transaction.
INSERT INTO secret (project_id, name, secret_id, version, policy, created_by, created_at, updated_by, updated_at)
VALUES (:project_id, :name, :secret_id, :version, :policy, :created_by, :created_at, :updated_by, :updated_at);

-- name: secret_set_version!
-- The newest version counts.
UPDATE secret SET version = :version, updated_by = :updated_by, updated_at = :updated_at WHERE project_id = :project_id AND name = :name;

-- name: secret_set_policy!
-- Replace a secret's policy.
UPDATE secret SET policy = :policy WHERE project_id = :project_id AND name = :name;

-- name: secret_delete!
-- The secret's own row.
DELETE FROM secret WHERE project_id = :project_id AND name = :name;

-- name: secret_version_insert!
-- A sealed value, bound to this row.
INSERT INTO secret_version (secret_id, version, key_id, sealed, created_by, created_at)
VALUES (:secret_id, :version, :key_id, :sealed, :created_by, :created_at);

-- name: secret_version_by_id^
-- point: A sealed value.
SELECT key_id, sealed, destroyed_at FROM secret_version WHERE secret_id = :secret_id AND version = :version;

-- name: secret_versions
-- The versions of a secret from a number down, newest first; values stay where they are.
SELECT version, created_by, created_at, destroyed_at FROM secret_version
WHERE secret_id = :secret_id AND version < :before ORDER BY version DESC LIMIT :size;

-- name: secret_version_destroy!
-- The sealed bytes go for ever, the row stays.
UPDATE secret_version SET sealed = :nothing, destroyed_at = :destroyed_at
WHERE secret_id = :secret_id AND version = :version AND destroyed_at IS NULL;

-- name: runs_with_version^
-- How many trees of runs that have not ended were handed a version, and how many put it: what they send back, and hold, is masked by it.
SELECT COUNT(DISTINCT CASE WHEN run.status NOT IN ('COMPLETED', 'FAILED', 'TIMED_OUT', 'TERMINATED') THEN handed.root_id END) AS going_on,
COUNT(DISTINCT CASE WHEN handed.door = 'update' THEN handed.root_id END) AS put_it
FROM receipt handed JOIN run ON run.run_id = handed.root_id OR run.run_id = handed.run_id
WHERE handed.secret_id = :secret_id AND handed.version = :version AND run.project_id = :project_id;

-- name: version_handed^
-- point: Which version of a secret a task was handed before, where it can still be opened.
SELECT MAX(handed.version) AS version FROM receipt handed
JOIN secret_version kept ON kept.secret_id = handed.secret_id AND kept.version = handed.version AND kept.destroyed_at IS NULL
WHERE handed.root_id = :root_id AND handed.secret_id = :secret_id AND handed.task_id = :task_id;

-- name: secret_expiry^
-- point: Until when a secret may be used, and from when on its reminder is due.
SELECT expires_at, remind_at FROM secret WHERE project_id = :project_id AND name = :name;

-- name: secret_set_expiry!
-- Set both; the reminder starts anew.
UPDATE secret SET expires_at = :expires_at, remind_at = :remind_at, reminded_at = NULL WHERE project_id = :project_id AND name = :name;

-- name: secrets_expiring
-- What expires, or wants a reminder, before a time; soonest first.
SELECT name, expires_at, remind_at FROM secret WHERE project_id = :project_id AND (expires_at <= :until OR remind_at <= :until)
ORDER BY COALESCE(expires_at, remind_at), name;

-- name: secrets_to_remind
-- Whose reminder is due and was not given yet today.
SELECT name, expires_at FROM secret
WHERE project_id = :project_id AND remind_at <= :now AND (reminded_at IS NULL OR reminded_at < :today) ORDER BY name LIMIT :size;

-- name: secret_reminded!
-- The same for one; 0 rows where another node was first.
UPDATE secret SET reminded_at = :now
WHERE project_id = :project_id AND name = :name AND remind_at <= :now AND (reminded_at IS NULL OR reminded_at < :today);

-- name: secret_versions_retire!
-- The sealed values of a deleted secret, except those a run has opened: its later output must still be redacted.
DELETE FROM secret_version WHERE secret_id = :secret_id
AND NOT EXISTS (SELECT 1 FROM receipt r WHERE r.secret_id = secret_version.secret_id AND r.version = secret_version.version);

-- name: marker_insert!
-- A reference to a secret at its place in a revision, with its voucher.
INSERT INTO marker (marker_id, project_id, revision_id, task_ref, place, secret_name, secret_path, voucher)
VALUES (:marker_id, :project_id, :revision_id, :task_ref, :place, :secret_name, :secret_path, :voucher);

-- name: markers_of_revision
-- point: All markers of a revision.
SELECT marker_id, task_ref, place, secret_name, secret_path, voucher FROM marker WHERE revision_id = :revision_id;

-- name: marker_by_id^
-- point: One marker of a project.
SELECT marker_id, task_ref, place, secret_name, secret_path, voucher FROM marker WHERE marker_id = :marker_id AND project_id = :project_id;

-- name: markers_of_task
-- point: The markers of one task of a revision.
SELECT marker_id, task_ref, place, secret_name, secret_path, voucher FROM marker WHERE revision_id = :revision_id AND task_ref = :task_ref;

-- name: receipt_insert!
-- That a value left through a door; twice to the same task is once.
INSERT INTO receipt (root_id, run_id, task_id, secret_id, secret_name, version, door, consumer, opened_at)
VALUES (:root_id, :run_id, :task_id, :secret_id, :secret_name, :version, :door, :consumer, :opened_at) ON CONFLICT DO NOTHING;

-- name: versions_opened
-- point: Every version of a secret that left into a tree of runs.
SELECT DISTINCT secret_id, version FROM receipt WHERE root_id = :root_id;
