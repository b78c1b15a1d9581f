-- name: groups_of_project
-- Every group.
SELECT id, description, default_access, contact, version FROM user_group WHERE project_id = :project_id ORDER BY id;

-- name: group_by_id^
-- point: One group.
SELECT id, description, default_access, contact, version FROM user_group WHERE project_id = :project_id AND id = :id;

-- name: group_insert!
-- A new group.
INSERT INTO user_group (project_id, id, description, default_access, contact, version, created_by, created_at)
VALUES (:project_id, :id, :description, :default_access, :contact, 1, :created_by, :created_at);

-- name: group_update!
-- Everything of a group that is edited as a whole.
UPDATE user_group SET description = :description, default_access = :default_access, contact = :contact, version = version + 1
WHERE project_id = :project_id AND id = :id;

-- name: group_delete!
-- The group's own row.
DELETE FROM user_group WHERE project_id = :project_id AND id = :id;

-- name: membership_insert!
-- A member more; twice is once.
INSERT INTO membership (project_id, member, group_id, added_by, added_at)
VALUES (:project_id, :member, :group_id, :added_by, :added_at) ON CONFLICT DO NOTHING;

-- name: membership_delete!
-- A member less.
DELETE FROM membership WHERE project_id = :project_id AND member = :member AND group_id = :group_id;

-- name: memberships_delete_of_group!
-- All members of a group that is deleted.
DELETE FROM membership WHERE project_id = :project_id AND group_id = :group_id;

-- name: memberships_delete_of_member!
-- All memberships of a user that is deleted.
DELETE FROM membership WHERE project_id = :project_id AND member = :member;

-- name: members_of_group
-- point: The members of a group, as subjects.
SELECT member FROM membership WHERE project_id = :project_id AND group_id = :group_id ORDER BY member;

-- name: groups_of_member
-- point: The groups of a user, with the access they get on what it makes.
SELECT g.id, g.description, g.default_access, g.contact, g.version FROM membership m JOIN user_group g ON g.project_id = m.project_id AND g.id = m.group_id
WHERE m.project_id = :project_id AND m.member = :member ORDER BY g.id;

-- name: custom_roles
-- Every custom role.
SELECT name, description, permissions, version FROM custom_role WHERE project_id = :project_id ORDER BY name;

-- name: custom_role_by_name^
-- point: One custom role.
SELECT name, description, permissions, version FROM custom_role WHERE project_id = :project_id AND name = :name;

-- name: custom_role_insert!
-- A new role.
INSERT INTO custom_role (project_id, name, description, permissions, version, created_by, created_at)
VALUES (:project_id, :name, :description, :permissions, 1, :created_by, :created_at);

-- name: custom_role_update!
-- A role changed as a whole.
UPDATE custom_role SET description = :description, permissions = :permissions, version = version + 1
WHERE project_id = :project_id AND name = :name;

-- name: custom_role_delete!
-- The role's own row.
DELETE FROM custom_role WHERE project_id = :project_id AND name = :name;

-- name: subject_roles_delete_of_role!
-- A role that is deleted is nobody's any more.
DELETE FROM subject_role WHERE project_id = :project_id AND role = :role;

-- name: administrators
-- The persons who have the role ADMIN, by themselves or by a group.
SELECT a.user_id FROM account a WHERE a.project_id = :project_id AND (
    EXISTS (SELECT 1 FROM subject_role r WHERE r.project_id = :project_id AND r.role = 'ADMIN' AND r.subject = 'USER:' || a.user_id)
    OR EXISTS (
        SELECT 1 FROM membership m JOIN subject_role r ON r.project_id = m.project_id AND r.subject = 'GROUP:' || m.group_id
        WHERE m.project_id = :project_id AND m.member = 'USER:' || a.user_id AND r.role = 'ADMIN'
    )
) ORDER BY a.user_id LIMIT 2;
