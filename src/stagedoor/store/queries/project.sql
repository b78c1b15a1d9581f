-- name: project_insert!
-- A new project with its settings as JSON.
INSERT INTO project (id, name, settings, created_at) VALUES (:project_id, :name, :settings, :created_at);

-- name: project_by_id^
-- point: A project.
SELECT id, name, settings, created_at FROM project WHERE id = :project_id;

-- name: project_set_settings!
-- Replace a project's settings.
UPDATE project SET settings = :settings WHERE id = :project_id;

-- name: data_key_insert!
-- A data key, wrapped under the master key.
INSERT INTO data_key (key_id, project_id, sealed, created_at) VALUES (:key_id, :project_id, :sealed, :created_at);

-- name: data_key_newest^
-- point: The data key that new secrets are sealed under.
SELECT key_id, sealed FROM data_key WHERE project_id = :project_id ORDER BY created_at DESC LIMIT 1;

-- name: data_key_by_id^
-- point: A data key of a project, wrapped.
SELECT key_id, sealed FROM data_key WHERE project_id = :project_id AND key_id = :key_id;
