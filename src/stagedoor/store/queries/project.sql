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
INSERT INTO data_key (key_id, project_id, sealed, master_id, created_at) VALUES (:key_id, :project_id, :sealed, :master_id, :created_at);

-- name: data_key_newest^
-- point: The data key that new secrets are sealed under: nobody erases it before the transaction ends.
SELECT key_id, sealed, master_id, created_at FROM data_key
WHERE project_id = :project_id ORDER BY created_at DESC LIMIT 1 /*postgres FOR SHARE */;

-- name: data_key_by_id^
-- point: A data key of a project, wrapped.
SELECT key_id, sealed, master_id FROM data_key WHERE project_id = :project_id AND key_id = :key_id;

-- name: data_keys_of_project
-- All data keys of a project, wrapped.
SELECT sealed FROM data_key WHERE project_id = :project_id;

-- name: data_keys_delete!
-- All data keys of a project: what was sealed under them is gone.
DELETE FROM data_key WHERE project_id = :project_id;

-- name: data_keys_locked
-- All data keys of a project, oldest first, once nobody is sealing under one of them.
SELECT key_id FROM data_key WHERE project_id = :project_id ORDER BY created_at /*postgres FOR UPDATE */;

-- name: data_keys_delete_before!
-- All data keys of a project but one.
DELETE FROM data_key WHERE project_id = :project_id AND key_id <> :key_id;

-- name: versions_by_data_key
-- Sealed values of a project that are not under this data key, from one secret on.
SELECT v.secret_id, v.version, v.key_id, v.sealed FROM secret_version v
JOIN data_key d ON d.key_id = v.key_id
WHERE d.project_id = :project_id AND v.key_id <> :key_id AND v.destroyed_at IS NULL AND v.secret_id >= :after
ORDER BY v.secret_id, v.version LIMIT :portion;

-- name: version_reseal!
-- The same value under another data key, unless the row has changed meanwhile.
UPDATE secret_version SET key_id = :key_id, sealed = :sealed WHERE secret_id = :secret_id AND version = :version AND sealed = :before;

-- name: stores_by_data_key
-- Sealed credentials of external stores that are not under this data key.
SELECT s.name, s.revision, s.key_id, s.sealed FROM secret_store s
JOIN data_key d ON d.project_id = s.project_id AND d.key_id = s.key_id
WHERE s.project_id = :project_id AND s.key_id <> :key_id ORDER BY s.name LIMIT :portion;

-- name: store_reseal!
-- The same credential under another data key, unless the row has changed meanwhile.
UPDATE secret_store SET key_id = :key_id, sealed = :sealed WHERE project_id = :project_id AND name = :name AND sealed = :before;
