-- name: explain_grants
-- Every single grant that may answer one question, whoever holds it: on the name, on its kind (`*`), on its tags, on the domain.
SELECT g.subject, g.target_type, g.target_id, g.granted_by, g.granted_at FROM access_grant g
WHERE g.project_id = :project_id AND g.access = :access AND g.target_type = :target_type AND g.target_id IN (:target_id, '*')
UNION ALL
SELECT g.subject, g.target_type, g.target_id, g.granted_by, g.granted_at FROM tag t CROSS JOIN access_grant g
WHERE t.project_id = :project_id AND t.target_type = :target_type AND t.target_id = :target_id
AND g.project_id = :project_id AND g.access = :access AND g.target_type = 'TAG' AND g.target_id = t.pair
UNION ALL
SELECT g.subject, g.target_type, g.target_id, g.granted_by, g.granted_at FROM access_grant g
WHERE g.project_id = :project_id AND g.access = :access AND g.target_type = 'DOMAIN' AND g.target_id = :domain
AND CAST(:target_type AS TEXT) <> 'DOMAIN'
ORDER BY 1, 2, 3;

-- name: explain_roles
-- The roles a user, an application or a group has itself, with who gave them.
SELECT role, granted_by, granted_at FROM subject_role WHERE project_id = :project_id AND subject = :subject ORDER BY role;

-- name: explain_holders
-- Who has a role itself.
SELECT subject, granted_by, granted_at FROM subject_role WHERE project_id = :project_id AND role = :role ORDER BY subject;

-- name: explain_groups
-- The groups of a member, with who put it there.
SELECT group_id, added_by, added_at FROM membership WHERE project_id = :project_id AND member = :member ORDER BY group_id;

-- name: explain_members
-- The members of a group, with who put them there.
SELECT member, added_by, added_at FROM membership WHERE project_id = :project_id AND group_id = :group_id ORDER BY member;

-- name: explain_group_roles
-- The roles of every group.
SELECT r.subject, r.role, r.granted_by, r.granted_at FROM user_group g CROSS JOIN subject_role r
WHERE g.project_id = :project_id AND r.project_id = :project_id AND r.subject = 'GROUP:' || g.id ORDER BY r.subject, r.role;

-- name: explain_marked
-- The revisions that names mean now and that hold a reference to one secret, or one that a user vouched for.
SELECT DISTINCT d.revision_id FROM workflow_definition d JOIN marker m ON m.revision_id = d.revision_id AND m.project_id = d.project_id
WHERE d.project_id = :project_id AND (m.secret_name = :secret_name OR m.voucher = :voucher) ORDER BY d.revision_id;
