-- name: secret_by_name^
-- point: A secret without its value.
SELECT secret_id, name, version, policy FROM secret WHERE project_id = :project_id AND name = :name;

-- name: secret_kept^
-- A secret about to be opened: until the transaction ends nobody deletes it or changes its policy.
SELECT secret_id, name, version, policy FROM secret WHERE project_id = :project_id AND name = :name /*postgres FOR SHARE */;

-- name: secret_locked^
-- point: A secret about to change: two puts follow one another, and a deletion comes after whoever is opening it.
SELECT secret_id, version FROM secret WHERE project_id = :project_id AND name = :name /*postgres FOR UPDATE */;

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
SELECT key_id, sealed FROM secret_version WHERE secret_id = :secret_id AND version = :version;

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
