-- name: stored_revisions
-- Definitions as they were saved, in pages: those that come after one that is known.
SELECT revision_id AS id, body FROM workflow_revision WHERE project_id = :project_id AND revision_id > :last ORDER BY revision_id LIMIT :size;

-- name: stored_task_definitions
-- Task definitions, in pages.
SELECT name AS id, body FROM task_definition WHERE project_id = :project_id AND name > :last ORDER BY name LIMIT :size;

-- name: stored_variables
-- Environment variables, in pages.
SELECT name AS id, value AS body FROM environment_variable WHERE project_id = :project_id AND name > :last ORDER BY name LIMIT :size;

-- name: stored_runs
-- Executions from the oldest on, in pages.
SELECT run_id AS id, created_at, input, body FROM run
WHERE project_id = :project_id AND (created_at > :at OR (created_at = :at AND run_id > :last)) ORDER BY created_at, run_id LIMIT :size;
