-- A workflow name has an id from its first version to its last one; a run keeps the id of the name that it was started as.
-- '' is nobody's. What was there before: a name takes the id of one of its revisions, and its runs are taken to be of it.
ALTER TABLE workflow_definition ADD COLUMN name_id TEXT NOT NULL DEFAULT '';
UPDATE workflow_definition SET name_id = (SELECT MIN(same.revision_id) FROM workflow_definition same
    WHERE same.project_id = workflow_definition.project_id AND same.name = workflow_definition.name);
ALTER TABLE run ADD COLUMN name_id TEXT NOT NULL DEFAULT '';
UPDATE run SET name_id = COALESCE((SELECT MIN(known.name_id) FROM workflow_definition known
    WHERE known.project_id = run.project_id AND known.name = run.name), '');
CREATE INDEX workflow_definition_of_name ON workflow_definition (name_id);
