-- name: revision_add!
-- One save of a definition.
INSERT INTO workflow_revision (revision_id, project_id, body, saved_by, saved_at)
VALUES (:revision_id, :project_id, :body, :saved_by, :saved_at);

-- name: revision_by_id^
-- point: A revision of this project.
SELECT revision_id, body, saved_by, saved_at FROM workflow_revision WHERE revision_id = :revision_id AND project_id = :project_id;

-- name: revision_of_version^
-- point: The revision that a name and version means now.
SELECT revision_id FROM workflow_definition WHERE project_id = :project_id AND name = :name AND version = :version;

-- name: revision_of_latest^
-- point: The same for the highest version.
SELECT revision_id FROM workflow_definition WHERE project_id = :project_id AND name = :name ORDER BY version DESC LIMIT 1;

-- name: revision_of_version_kept^
-- The same, for a run to start from: it stays so until the transaction ends.
SELECT revision_id, name_id FROM workflow_definition WHERE project_id = :project_id AND name = :name AND version = :version /*postgres FOR SHARE */;

-- name: revision_of_latest_kept^
-- The same for the highest version.
SELECT revision_id, name_id FROM workflow_definition WHERE project_id = :project_id AND name = :name
ORDER BY version DESC LIMIT 1 /*postgres FOR SHARE */;

-- name: revision_drop_unused!
-- A revision that neither a definition nor a run uses any more.
DELETE FROM workflow_revision WHERE revision_id = :revision_id
AND NOT EXISTS (SELECT 1 FROM workflow_definition d WHERE d.revision_id = :revision_id)
AND NOT EXISTS (SELECT 1 FROM run r WHERE r.revision_id = :revision_id);

-- name: workflow_definition_locked^
-- The definition to be replaced or removed; no run can start from it meanwhile.
SELECT revision_id FROM workflow_definition WHERE project_id = :project_id AND name = :name AND version = :version /*postgres FOR UPDATE */;

-- name: workflow_definition_last^
-- The highest version of a name, locked.
SELECT version, revision_id, name_id FROM workflow_definition WHERE project_id = :project_id AND name = :name
ORDER BY version DESC LIMIT 1 /*postgres FOR UPDATE */;

-- name: workflow_definition_add!
-- A name and version that is new: two savers at once make a conflict. All versions of a name have its `name_id`.
INSERT INTO workflow_definition (project_id, name, name_id, version, revision_id)
VALUES (:project_id, :name, :name_id, :version, :revision_id);

-- name: workflow_definition_move!
-- Point a name and version at another revision.
UPDATE workflow_definition SET revision_id = :revision_id WHERE project_id = :project_id AND name = :name AND version = :version;

-- name: workflow_definition_remove!
-- Forget a name and version.
DELETE FROM workflow_definition WHERE project_id = :project_id AND name = :name AND version = :version;

-- name: workflow_definition_list
-- All current revisions of a project, or of one name.
SELECT r.revision_id, r.body, r.saved_by, r.saved_at FROM workflow_definition d
JOIN workflow_revision r ON r.project_id = d.project_id AND r.revision_id = d.revision_id
WHERE d.project_id = :project_id AND (CAST(:name AS TEXT) IS NULL OR d.name = :name)
ORDER BY d.name, d.version;

-- name: workflow_definition_latest
-- The highest version of each name.
SELECT r.revision_id, r.body, r.saved_by, r.saved_at FROM workflow_definition d
JOIN workflow_revision r ON r.project_id = d.project_id AND r.revision_id = d.revision_id
WHERE d.project_id = :project_id AND (CAST(:name AS TEXT) IS NULL OR d.name = :name)
AND d.version = (SELECT MAX(l.version) FROM workflow_definition l WHERE l.project_id = d.project_id AND l.name = d.name)
ORDER BY d.name;

-- name: task_definition_by_name^
-- point: One task definition.
SELECT body, saved_by FROM task_definition WHERE project_id = :project_id AND name = :name;

-- name: task_definition_put!
-- Create or replace a task definition.
INSERT INTO task_definition (project_id, name, body, saved_by) VALUES (:project_id, :name, :body, :saved_by)
ON CONFLICT (project_id, name) DO UPDATE SET body = excluded.body, saved_by = excluded.saved_by;

-- name: task_definition_remove!
-- Forget a task definition.
DELETE FROM task_definition WHERE project_id = :project_id AND name = :name;

-- name: task_definition_list
-- All task definitions of a project.
SELECT body, saved_by FROM task_definition WHERE project_id = :project_id ORDER BY name;
