-- name: run_add!
-- A new run.
INSERT INTO run (run_id, project_id, name, name_id, version, revision_id, status, correlation_id, created_at, next_check, input, body)
VALUES (:run_id, :project_id, :name, :name_id, :version, :revision_id, :status, :correlation_id, :created_at, :next_check, :input, :body);

-- name: run_by_id^
-- point: A run, as it is.
SELECT name_id, next_check, input, body FROM run WHERE run_id = :run_id;

-- name: run_locked^
-- point: A run, locked for a decision.
SELECT name_id, next_check, input, body FROM run WHERE run_id = :run_id /*postgres FOR UPDATE */;

-- name: run_locked_now^
-- point: A run, locked, or nothing while another transaction holds it.
SELECT name_id, next_check, input, body FROM run WHERE run_id = :run_id /*postgres FOR UPDATE SKIP LOCKED */;

-- name: name_of_run^
-- point: The name that a run was started as, and the name that has its id now: null where that one was deleted.
SELECT r.name AS started_as, d.name AS name FROM run r
LEFT JOIN workflow_definition d ON d.name_id = r.name_id AND d.project_id = r.project_id
WHERE r.run_id = :run_id AND r.project_id = :project_id LIMIT 1;

-- name: name_of_id^
-- point: The workflow's name that has this id.
SELECT name FROM workflow_definition WHERE project_id = :project_id AND name_id = :name_id LIMIT 1;

-- name: run_put!
-- What a decision made of a run.
UPDATE run SET status = :status, next_check = :next_check, body = :body WHERE run_id = :run_id;

-- name: run_check_at!
-- Only the next moment to look at a run changed.
UPDATE run SET next_check = :next_check WHERE run_id = :run_id;

-- name: run_remove!
-- Delete a run.
DELETE FROM run WHERE run_id = :run_id;

-- name: run_due
-- point: Runs whose time has come, the longest overdue first.
SELECT run_id, next_check FROM run WHERE next_check > 0 AND next_check <= :now ORDER BY next_check LIMIT 200;

-- name: run_count^
-- How many runs a search finds.
SELECT COUNT(*) AS total FROM run WHERE project_id = :project_id AND (CAST(:name AS TEXT) IS NULL OR name = :name)
AND (CAST(:status AS TEXT) IS NULL OR status = :status) AND (CAST(:correlation_id AS TEXT) IS NULL OR correlation_id = :correlation_id);

-- name: run_search
-- Runs of a project, newest first.
SELECT name_id, next_check, input, body FROM run WHERE project_id = :project_id
AND (CAST(:status AS TEXT) IS NULL OR status = :status) AND (CAST(:correlation_id AS TEXT) IS NULL OR correlation_id = :correlation_id)
ORDER BY created_at DESC, run_id LIMIT :size;

-- name: run_search_name
-- The same for one workflow name.
SELECT name_id, next_check, input, body FROM run WHERE project_id = :project_id AND name = :name
AND (CAST(:status AS TEXT) IS NULL OR status = :status) AND (CAST(:correlation_id AS TEXT) IS NULL OR correlation_id = :correlation_id)
ORDER BY created_at DESC, run_id LIMIT :size;

-- name: idempotency_claim!
-- Take a key; 0 rows if it is taken.
INSERT INTO idempotency (project_id, name, idempotency_key, run_id) VALUES (:project_id, :name, :idempotency_key, :run_id)
ON CONFLICT (project_id, name, idempotency_key) DO NOTHING;

-- name: idempotency_holder^
-- The run that holds a key, with its status.
SELECT i.run_id, r.name_id, r.status FROM idempotency i JOIN run r ON r.project_id = i.project_id AND r.run_id = i.run_id
WHERE i.project_id = :project_id AND i.name = :name AND i.idempotency_key = :idempotency_key /*postgres FOR UPDATE OF i */;

-- name: idempotency_move!
-- A key passes to a newer run.
UPDATE idempotency SET run_id = :run_id WHERE project_id = :project_id AND name = :name AND idempotency_key = :idempotency_key;

-- name: idempotency_remove!
-- Free the keys of a deleted run.
DELETE FROM idempotency WHERE run_id = :run_id;
