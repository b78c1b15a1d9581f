-- name: revisions_of_name
-- Every kept save of a name: what its versions mean now, and what runs of this very name use (all runs of a revision are of one name).
SELECT w.revision_id, w.saved_by, w.saved_at, d.version AS current_version,
    (SELECT r.version FROM run r WHERE r.revision_id = w.revision_id LIMIT 1) AS run_version,
    EXISTS (SELECT 1 FROM run r WHERE r.revision_id = w.revision_id AND r.status IN ('RUNNING', 'PAUSED')) AS is_running
FROM workflow_revision w
LEFT JOIN workflow_definition d ON d.project_id = :project_id AND d.revision_id = w.revision_id AND d.name = :name
WHERE w.project_id = :project_id AND (d.name IS NOT NULL
    OR (SELECT r.name_id FROM run r WHERE r.revision_id = w.revision_id LIMIT 1)
        = (SELECT c.name_id FROM workflow_definition c WHERE c.project_id = :project_id AND c.name = :name LIMIT 1))
ORDER BY w.saved_at DESC, w.revision_id;

-- name: marker_vouch!
-- Another voucher for a reference in a revision that runs under way use. The definition itself never changes.
UPDATE marker SET voucher = :voucher WHERE marker_id = :marker_id AND project_id = :project_id;

-- name: left_by_user
-- Where a user vouches for a reference, in what names mean now.
SELECT d.name, d.version, m.task_ref, m.place, m.secret_name FROM workflow_definition d
JOIN marker m ON m.revision_id = d.revision_id AND m.project_id = d.project_id
WHERE d.project_id = :project_id AND m.voucher = :voucher ORDER BY d.name, d.version, m.task_ref, m.place;
