-- name: integration_insert!
-- A new one.
INSERT INTO integration (project_id, slug, settings, created_by, created_at, updated_by, updated_at)
VALUES (:project_id, :slug, :settings, :by, :at, :by, :at);

-- name: integration_by_slug^
-- point: One of a project.
SELECT slug, settings, created_by, created_at, updated_by, updated_at FROM integration WHERE project_id = :project_id AND slug = :slug;

-- name: integration_locked^
-- point: The same, about to change or to be connected: changes and connections of one follow one another.
SELECT slug, settings, created_by, created_at, updated_by, updated_at FROM integration
WHERE project_id = :project_id AND slug = :slug /*postgres FOR UPDATE */;

-- name: integrations_of_project
-- All of a project.
SELECT slug, settings, created_by, created_at, updated_by, updated_at FROM integration WHERE project_id = :project_id ORDER BY slug;

-- name: integration_put!
-- Replace its settings.
UPDATE integration SET settings = :settings, updated_by = :by, updated_at = :at WHERE project_id = :project_id AND slug = :slug;

-- name: integration_delete!
-- Its own row.
DELETE FROM integration WHERE project_id = :project_id AND slug = :slug;

-- name: fields_of_integration
-- The names that are fields of one.
SELECT name, secret_id FROM secret WHERE project_id = :project_id AND integration = :slug ORDER BY name;

-- name: field_mark!
-- A secret's row becomes a field's.
UPDATE secret SET integration = :slug WHERE project_id = :project_id AND name = :name;

-- name: value_of_field^
-- point: What an end user gave for a field.
SELECT name, slug, nonce, version, expires_at FROM connection_value
WHERE project_id = :project_id AND end_user_id = :end_user_id AND name = :name;

-- name: value_kept^
-- point: The same, about to be opened: until the transaction ends nobody replaces or forgets it.
SELECT name, slug, nonce, version, expires_at FROM connection_value
WHERE project_id = :project_id AND end_user_id = :end_user_id AND name = :name /*postgres FOR SHARE */;

-- name: value_put!
-- What an end user gave, or gave anew.
INSERT INTO connection_value (project_id, end_user_id, name, slug, nonce, version, expires_at, renew_at)
VALUES (:project_id, :end_user_id, :name, :slug, :nonce, :version, :expires_at, :renew_at)
ON CONFLICT (project_id, end_user_id, name) DO UPDATE SET version = excluded.version, expires_at = excluded.expires_at, renew_at = excluded.renew_at;

-- name: values_to_renew
-- Whose time to be renewed has come, the longest due first.
SELECT end_user_id, name, slug, version, expires_at, renew_at FROM connection_value
WHERE project_id = :project_id AND renew_at <= :now ORDER BY renew_at, end_user_id LIMIT :size;

-- name: value_renew_later!
-- One node takes it upon itself: 0 rows where another did, or the value has changed.
UPDATE connection_value SET renew_at = :later
WHERE project_id = :project_id AND end_user_id = :end_user_id AND name = :name AND version = :version AND renew_at = :renew_at;

-- name: value_never_renew!
-- Its provider takes the refresh token no more.
UPDATE connection_value SET renew_at = NULL
WHERE project_id = :project_id AND end_user_id = :end_user_id AND name = :name AND version = :version;

-- name: values_of_field
-- Everybody's values of one field, or what stands beside them.
SELECT end_user_id, name, slug, nonce, version FROM connection_value WHERE project_id = :project_id AND slug = :slug AND name = :name;

-- name: values_of_end_user
-- All that an end user gave.
SELECT end_user_id, name, slug, nonce, version FROM connection_value WHERE project_id = :project_id AND end_user_id = :end_user_id;

-- name: value_delete!
-- Forget one; its sealed versions go by `secret_versions_retire`.
DELETE FROM connection_value WHERE project_id = :project_id AND end_user_id = :end_user_id AND name = :name;

-- name: connection_used!
-- A run used it; a moment ago is now.
UPDATE integration_connection SET last_request_at = :at, last_success_at = :at
WHERE project_id = :project_id AND end_user_id = :end_user_id AND integration = :slug AND (last_request_at IS NULL OR last_request_at < :before);

-- name: connections_of_integration_forget!
-- Those with one integration go.
DELETE FROM integration_connection WHERE project_id = :project_id AND integration = :slug;

-- name: visit_insert!
-- A browser has shown a link; from now on its cookie speaks for it. 0 rows: the link was used before.
INSERT INTO connect_visit (visit, project_id, session_id, end_user_id, redirect_url, created_at, expires_at, mac)
VALUES (:visit, :project_id, :session_id, :end_user_id, :redirect_url, :created_at, :expires_at, :mac) ON CONFLICT DO NOTHING;

-- name: visit_by_digest^
-- point: Of a cookie's digest.
SELECT visit, project_id, session_id, end_user_id, redirect_url, created_at, expires_at, ended_at, mac FROM connect_visit WHERE visit = :visit;

-- name: visit_end!
-- It has connected what it came for; 0 rows where it had ended before.
UPDATE connect_visit SET ended_at = :at WHERE project_id = :project_id AND visit = :visit AND ended_at IS NULL;

-- name: visits_prune!
-- Those whose links have ended long ago.
DELETE FROM connect_visit WHERE project_id = :project_id AND expires_at < :before;

-- name: visit_of_session_forget!
-- Of a link that leaked: whoever opened it is out, long as the visit may outlast the link.
DELETE FROM connect_visit WHERE project_id = :project_id AND session_id = :session_id;

-- name: visits_of_end_user_forget!
-- Of an end user who is gone.
DELETE FROM connect_visit WHERE project_id = :project_id AND end_user_id = :end_user_id;
