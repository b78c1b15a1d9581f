-- name: authority_of_subject
-- point: Everything that decides what a subject may do: its roles (kind and name empty) and its grants.
SELECT role AS access, '' AS kind, '' AS name FROM subject_role WHERE project_id = :project_id AND subject = :subject
UNION ALL
SELECT access, target_type AS kind, target_id AS name FROM access_grant WHERE project_id = :project_id AND subject = :subject
LIMIT :size;

-- name: authority_on_target
-- point: What decides one question: a subject's roles (kind and name empty) and its grants on one resource.
SELECT role AS access, '' AS kind, '' AS name FROM subject_role WHERE project_id = :project_id AND subject = :subject
UNION ALL
SELECT access, target_type AS kind, target_id AS name FROM access_grant
WHERE project_id = :project_id AND subject = :subject AND target_type = :target_type AND target_id = :target_id;

-- name: roles_of_subject
-- point: Role names of a subject.
SELECT role FROM subject_role WHERE project_id = :project_id AND subject = :subject ORDER BY role;

-- name: role_insert!
-- Give a role; twice is once.
INSERT INTO subject_role (project_id, subject, role, granted_by, granted_at)
VALUES (:project_id, :subject, :role, :granted_by, :granted_at) ON CONFLICT DO NOTHING;

-- name: role_delete!
-- Take a role.
DELETE FROM subject_role WHERE project_id = :project_id AND subject = :subject AND role = :role;

-- name: roles_delete_of_subject!
-- All roles of a subject that is deleted.
DELETE FROM subject_role WHERE project_id = :project_id AND subject = :subject;

-- name: grant_insert!
-- Grant one access; twice is once.
INSERT INTO access_grant (project_id, subject, target_type, target_id, access, granted_by, granted_at)
VALUES (:project_id, :subject, :target_type, :target_id, :access, :granted_by, :granted_at) ON CONFLICT DO NOTHING;

-- name: grant_delete!
-- Revoke one access.
DELETE FROM access_grant
WHERE project_id = :project_id AND subject = :subject AND target_type = :target_type AND target_id = :target_id AND access = :access;

-- name: grants_on_target
-- point: Who may do what on a resource by single grants.
SELECT subject, access FROM access_grant
WHERE project_id = :project_id AND target_type = :target_type AND target_id = :target_id ORDER BY subject, access;

-- name: grants_delete_on_target!
-- All grants on a name that is deleted.
DELETE FROM access_grant WHERE project_id = :project_id AND target_type = :target_type AND target_id = :target_id;

-- name: grants_delete_of_subject!
-- All grants of a subject that is deleted.
DELETE FROM access_grant WHERE project_id = :project_id AND subject = :subject;

-- name: tags_of_target
-- point: The tags of one resource.
SELECT tag_key, tag_value, tag_type FROM tag
WHERE project_id = :project_id AND target_type = :target_type AND target_id = :target_id ORDER BY tag_key;

-- name: tags_of_kind
-- Tags of all resources of a kind.
SELECT target_id, tag_key, tag_value, tag_type FROM tag
WHERE project_id = :project_id AND target_type = :target_type ORDER BY target_id, tag_key;

-- name: tag_put!
-- Insert a tag, or replace the one with its key.
INSERT INTO tag (project_id, target_type, target_id, tag_key, tag_value, tag_type)
VALUES (:project_id, :target_type, :target_id, :tag_key, :tag_value, :tag_type)
ON CONFLICT (project_id, target_type, target_id, tag_key) DO UPDATE SET tag_value = excluded.tag_value, tag_type = excluded.tag_type;

-- name: tag_delete!
-- Take one tag away.
DELETE FROM tag WHERE project_id = :project_id AND target_type = :target_type AND target_id = :target_id AND tag_key = :tag_key;

-- name: tags_delete!
-- All tags of a resource that is deleted.
DELETE FROM tag WHERE project_id = :project_id AND target_type = :target_type AND target_id = :target_id;
