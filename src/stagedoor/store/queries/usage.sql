-- name: usage_add!
-- Uses of a right in a day; the first of them, or more.
INSERT INTO usage (project_id, subject, access, kind, name, domain, credential, day, count, last_at)
VALUES (:project_id, :subject, :access, :kind, :name, :domain, :credential, :day, :count, :last_at)
ON CONFLICT (project_id, subject, access, kind, name, domain, credential, day)
DO UPDATE SET count = usage.count + excluded.count, last_at = excluded.last_at;

-- name: usage_of_subject
-- What a subject used since a day, all its credentials together, in pages: those that come after one that is known.
SELECT access, kind, name, domain, SUM(count) AS count, MAX(last_at) AS last_at FROM usage
WHERE project_id = :project_id AND subject = :subject AND day >= :day
AND (access, kind, name, domain) > (:access, :kind, :name, :domain)
GROUP BY access, kind, name, domain ORDER BY access, kind, name, domain LIMIT :size;

-- name: usage_prune!
-- Days that are kept no longer.
DELETE FROM usage WHERE project_id = :project_id AND day < :day;

-- name: usage_recorded_since^
-- When this store began to record use.
SELECT applied_at FROM schema_version WHERE version = 6;

-- name: credential_usage_add!
-- What came of a credential's requests today.
INSERT INTO credential_usage (project_id, subject, credential, day, ok, refused, last_at, last_from)
VALUES (:project_id, :subject, :credential, :day, :ok, :refused, :last_at, :last_from)
ON CONFLICT (project_id, subject, credential, day) DO UPDATE SET ok = credential_usage.ok + excluded.ok,
refused = credential_usage.refused + excluded.refused, last_at = excluded.last_at, last_from = excluded.last_from;

-- name: credential_usage_of_subject
-- Each credential of a subject by day, newest first.
SELECT credential, day, ok, refused, last_at, last_from FROM credential_usage
WHERE project_id = :project_id AND subject = :subject AND day >= :day ORDER BY day DESC, credential;

-- name: credential_usage_prune!
-- Days that are kept no longer.
DELETE FROM credential_usage WHERE project_id = :project_id AND day < :day;

-- name: credential_used!
-- When and from where a credential was last used.
UPDATE credential SET last_used_at = :last_at, last_used_from = :last_from WHERE project_id = :project_id AND id = :credential;

-- name: roles_given
-- The roles of a subject, and since when.
SELECT role, granted_at FROM subject_role WHERE project_id = :project_id AND subject = :subject ORDER BY role;

-- name: grants_given
-- The grants of a subject, and since when.
SELECT target_type, target_id, access, granted_at FROM access_grant
WHERE project_id = :project_id AND subject = :subject ORDER BY target_type, target_id, access;
