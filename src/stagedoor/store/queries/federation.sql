-- name: trust_insert!
-- A trust; its credential has the same id.
INSERT INTO trust (id, project_id, application_id, terms, revision, created_at, changed_at)
VALUES (:id, :project_id, :application_id, :terms, :revision, :created_at, :changed_at);

-- name: trust_by_id^
-- point: A trust of an application.
SELECT id, application_id, terms, revision, created_at, changed_at FROM trust
WHERE id = :id AND project_id = :project_id AND application_id = :application_id;

-- name: trusts_of_application
-- point: All trusts of an application, oldest first, each with what its credential says.
SELECT t.id, t.application_id, t.terms, t.revision, t.created_at, t.changed_at, c.paused_at
FROM trust t JOIN credential c ON c.id = t.id AND c.project_id = t.project_id
WHERE t.project_id = :project_id AND t.application_id = :application_id ORDER BY t.created_at, t.id;

-- name: trusts_by_application
-- point: The same to who shows a token of an issuer and names the application; the rows tell the project.
SELECT id, project_id, application_id, terms, revision, created_at, changed_at FROM trust
WHERE application_id = :application_id ORDER BY created_at, id;

-- name: trust_change!
-- Other terms.
UPDATE trust SET terms = :terms, revision = :revision, changed_at = :changed_at WHERE project_id = :project_id AND id = :id;

-- name: trust_delete!
-- Gone; its credential goes with it.
DELETE FROM trust WHERE project_id = :project_id AND id = :id;

-- name: trusts_delete_of_application!
-- With its application.
DELETE FROM trust WHERE project_id = :project_id AND application_id = :application_id;

-- name: used_assertion_insert!
-- 0 where it was taken before.
INSERT INTO used_assertion (project_id, digest, expires_at) VALUES (:project_id, :digest, :expires_at)
ON CONFLICT (project_id, digest) DO NOTHING;

-- name: used_assertions_prune!
-- Those that have expired long since.
DELETE FROM used_assertion WHERE project_id = :project_id AND expires_at < :before;
