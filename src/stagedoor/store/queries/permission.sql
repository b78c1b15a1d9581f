-- name: authority_of_subject
-- point: Everything that decides what a subject may do, by itself, its groups and its roles: roles (kind and name empty), custom roles (kind `#`), grants.
WITH mine (subject) AS (
    SELECT CAST(:subject AS TEXT)
    UNION ALL SELECT 'GROUP:' || m.group_id FROM membership m WHERE m.project_id = :project_id AND m.member = :subject
), held (role) AS (
    SELECT DISTINCT r.role FROM mine CROSS JOIN subject_role r WHERE r.project_id = :project_id AND r.subject = mine.subject
), every (subject) AS (
    SELECT subject FROM mine UNION ALL SELECT 'ROLE:' || role FROM held
)
SELECT held.role AS access, '' AS kind, '' AS name FROM held
UNION ALL
SELECT c.permissions AS access, '#' AS kind, c.name AS name FROM held CROSS JOIN custom_role c WHERE c.project_id = :project_id AND c.name = held.role
UNION ALL
SELECT g.access, g.target_type AS kind, g.target_id AS name
FROM every CROSS JOIN access_grant g WHERE g.project_id = :project_id AND g.subject = every.subject
UNION ALL
SELECT g.access, t.target_type AS kind, t.target_id AS name
FROM every CROSS JOIN access_grant g CROSS JOIN tag t
WHERE g.project_id = :project_id AND g.subject = every.subject AND g.target_type = 'TAG' AND t.project_id = :project_id AND t.pair = g.target_id
LIMIT :size;

-- name: authority_on_target
-- point: What decides one question: the same, of the grants those on one resource, on its kind (`*`), on its tags, and on domains.
WITH mine (subject) AS (
    SELECT CAST(:subject AS TEXT)
    UNION ALL SELECT 'GROUP:' || m.group_id FROM membership m WHERE m.project_id = :project_id AND m.member = :subject
), held (role) AS (
    SELECT DISTINCT r.role FROM mine CROSS JOIN subject_role r WHERE r.project_id = :project_id AND r.subject = mine.subject
), every (subject) AS (
    SELECT subject FROM mine UNION ALL SELECT 'ROLE:' || role FROM held
)
SELECT held.role AS access, '' AS kind, '' AS name FROM held
UNION ALL
SELECT c.permissions AS access, '#' AS kind, c.name AS name FROM held CROSS JOIN custom_role c WHERE c.project_id = :project_id AND c.name = held.role
UNION ALL
SELECT g.access, g.target_type AS kind, g.target_id AS name FROM every CROSS JOIN access_grant g
WHERE g.project_id = :project_id AND g.subject = every.subject AND g.target_type = :target_type AND g.target_id IN (:target_id, '*')
UNION ALL
SELECT g.access, t.target_type AS kind, t.target_id AS name FROM tag t CROSS JOIN every CROSS JOIN access_grant g
WHERE t.project_id = :project_id AND t.target_type = :target_type AND t.target_id = :target_id
AND g.project_id = :project_id AND g.subject = every.subject AND g.target_type = 'TAG' AND g.target_id = t.pair
UNION ALL
SELECT g.access, g.target_type AS kind, g.target_id AS name FROM every CROSS JOIN access_grant g
WHERE g.project_id = :project_id AND g.subject = every.subject AND g.target_type = 'DOMAIN' AND CAST(:target_type AS TEXT) = 'TASK_DEF';

-- name: grants_of_subject
-- The grants a subject holds itself, not by a group or role.
SELECT target_type, target_id, access FROM access_grant WHERE project_id = :project_id AND subject = :subject ORDER BY target_type, target_id, access;

-- name: grants_on_pair
-- point: What a tag gives, to whom.
SELECT subject, access FROM access_grant WHERE project_id = :project_id AND target_type = 'TAG' AND target_id = :pair;

-- name: resources_tagged
-- What carries a tag.
SELECT target_type, target_id FROM tag WHERE project_id = :project_id AND pair = :pair ORDER BY target_type, target_id;

-- name: tags_of_project
-- Every tag there is, of things of one kind or of all.
SELECT target_type, target_id, tag_key, tag_value, tag_type FROM tag WHERE project_id = :project_id ORDER BY tag_key, tag_value, target_type, target_id;

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
INSERT INTO tag (project_id, target_type, target_id, tag_key, tag_value, tag_type, pair)
VALUES (:project_id, :target_type, :target_id, :tag_key, :tag_value, :tag_type, :pair)
ON CONFLICT (project_id, target_type, target_id, tag_key)
DO UPDATE SET tag_value = excluded.tag_value, tag_type = excluded.tag_type, pair = excluded.pair;

-- name: tag_delete!
-- Take one tag away.
DELETE FROM tag WHERE project_id = :project_id AND target_type = :target_type AND target_id = :target_id AND tag_key = :tag_key;

-- name: tags_delete!
-- All tags of a resource that is deleted.
DELETE FROM tag WHERE project_id = :project_id AND target_type = :target_type AND target_id = :target_id;
