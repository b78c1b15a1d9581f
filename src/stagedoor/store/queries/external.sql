-- name: secret_store_by_name^
-- point: An external store with its sealed credential.
SELECT name, revision, settings, key_id, sealed, created_by, created_at, updated_by, updated_at FROM secret_store
WHERE project_id = :project_id AND name = :name;

-- name: secret_stores_of_project
-- All of them, by name.
SELECT name, revision, settings, key_id, sealed, created_by, created_at, updated_by, updated_at FROM secret_store
WHERE project_id = :project_id ORDER BY name;

-- name: secret_store_put!
-- A new external store, or what an old one is from now on.
INSERT INTO secret_store (project_id, name, revision, settings, key_id, sealed, created_by, created_at, updated_by, updated_at)
VALUES (:project_id, :name, :revision, :settings, :key_id, :sealed, :updated_by, :updated_at, :updated_by, :updated_at)
ON CONFLICT (project_id, name) DO UPDATE SET revision = excluded.revision, settings = excluded.settings, key_id = excluded.key_id,
sealed = excluded.sealed, updated_by = excluded.updated_by, updated_at = excluded.updated_at;

-- name: secret_store_delete!
-- An external store that no secret points to.
DELETE FROM secret_store WHERE project_id = :project_id AND name = :name;

-- name: secrets_in_store
-- The secrets that live in a store.
SELECT name FROM secret WHERE project_id = :project_id AND store = :store ORDER BY name;

-- name: secret_set_source!
-- Where a secret lives from now on; NULL twice: here.
UPDATE secret SET store = :store, source = :source, updated_by = :updated_by, updated_at = :updated_at
WHERE project_id = :project_id AND name = :name;
