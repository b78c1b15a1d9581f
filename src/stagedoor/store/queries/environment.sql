-- name: variable_by_name^
-- point: One environment variable.
SELECT name, value FROM environment_variable WHERE project_id = :project_id AND name = :name;

-- name: variable_locked^
-- point: The same, about to change: its old value is what a deletion answers with.
SELECT name, value FROM environment_variable WHERE project_id = :project_id AND name = :name /*postgres FOR UPDATE */;

-- name: variables_of_project
-- All of them, by name.
SELECT name, value FROM environment_variable WHERE project_id = :project_id ORDER BY name;

-- name: variable_put!
-- A new one, or another value.
INSERT INTO environment_variable (project_id, name, value, created_by, created_at, updated_by, updated_at)
VALUES (:project_id, :name, :value, :updated_by, :updated_at, :updated_by, :updated_at)
ON CONFLICT (project_id, name) DO UPDATE SET value = excluded.value, updated_by = excluded.updated_by, updated_at = excluded.updated_at;

-- name: variable_delete!
-- Take one away.
DELETE FROM environment_variable WHERE project_id = :project_id AND name = :name;

-- name: versions_kept
-- point: Every version of a secret that an UPDATE_SECRET task put in a tree of runs.
SELECT DISTINCT secret_id, version FROM receipt WHERE root_id = :root_id AND door = 'update';
