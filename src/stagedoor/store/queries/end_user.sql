-- name: end_user_insert!
-- A customer of a project's.
INSERT INTO end_user (id, project_id, source_id, company_name, email, created_by, created_at)
VALUES (:id, :project_id, :source_id, :company_name, :email, :created_by, :created_at);

-- name: end_user_by_id^
-- point: An end user.
SELECT id, source_id, company_name, email, created_at FROM end_user WHERE id = :id AND project_id = :project_id;

-- name: end_user_kept^
-- The same: nobody deletes it before the transaction ends.
SELECT id FROM end_user WHERE id = :id AND project_id = :project_id /*postgres FOR SHARE */;

-- name: end_user_by_source^
-- point: The end user that a project knows by this id of its own.
SELECT id FROM end_user WHERE project_id = :project_id AND source_id = :source_id;

-- name: end_users_after
-- A project's end users from one id on, at most `portion` of them.
SELECT id, source_id, company_name, email, created_at FROM end_user
WHERE project_id = :project_id AND id > :after ORDER BY id LIMIT :portion;

-- name: end_user_delete!
-- An end user less.
DELETE FROM end_user WHERE id = :id AND project_id = :project_id;

-- name: integration_connection_insert!
-- An end user begins to connect.
INSERT INTO integration_connection (id, project_id, end_user_id, integration, created_at)
VALUES (:id, :project_id, :end_user_id, :integration, :created_at);

-- name: integration_connection_of^
-- point: An end user's connection by the integration's name.
SELECT id, integration, created_at, last_request_at, last_success_at FROM integration_connection
WHERE project_id = :project_id AND end_user_id = :end_user_id AND integration = :integration;

-- name: integration_connections_of_end_user
-- point: An end user's connections, by the integration's name.
SELECT id, integration, created_at, last_request_at, last_success_at FROM integration_connection
WHERE project_id = :project_id AND end_user_id = :end_user_id ORDER BY integration;

-- name: integration_connections_between
-- The connections of a project's end users after one id, up to another.
SELECT id, end_user_id, integration, created_at, last_request_at, last_success_at FROM integration_connection
WHERE project_id = :project_id AND end_user_id > :after AND end_user_id <= :last ORDER BY end_user_id, integration;

-- name: integration_connection_used!
-- A request that was made by it, and the last one that its service took.
UPDATE integration_connection SET last_request_at = :last_request_at, last_success_at = COALESCE(:last_success_at, last_success_at)
WHERE project_id = :project_id AND id = :id;

-- name: integration_connections_delete!
-- All that an end user had connected.
DELETE FROM integration_connection WHERE project_id = :project_id AND end_user_id = :end_user_id;

-- name: auth_session_insert!
-- A link for one end user.
INSERT INTO auth_session (id, project_id, end_user_id, digest, redirect_url, created_by, created_at, expires_at, mac)
VALUES (:id, :project_id, :end_user_id, :digest, :redirect_url, :created_by, :created_at, :expires_at, :mac);

-- name: auth_session_by_digest^
-- point: The auth session whose client secret has this digest.
SELECT id, project_id, end_user_id, digest, redirect_url, created_by, created_at, expires_at, mac FROM auth_session WHERE digest = :digest;

-- name: auth_sessions_delete!
-- All links of an end user.
DELETE FROM auth_session WHERE project_id = :project_id AND end_user_id = :end_user_id;

-- name: auth_sessions_prune!
-- A project's links that ended long ago.
DELETE FROM auth_session WHERE project_id = :project_id AND expires_at < :before;
