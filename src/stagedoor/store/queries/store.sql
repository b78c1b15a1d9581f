-- name: schema_version^
-- The newest migration this database has had.
SELECT MAX(version) AS version FROM schema_version;

-- name: schema_version_add!
-- A migration has been applied.
INSERT INTO schema_version (version, name, applied_at) VALUES (:version, :name, :applied_at);
