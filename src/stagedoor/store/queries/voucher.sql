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
-- Where a user vouches for a reference, or for a task that may ask for an execution token (no secret), in what names mean now.
SELECT d.name, d.version, m.task_ref, m.place, m.secret_name FROM workflow_definition d
JOIN marker m ON m.revision_id = d.revision_id AND m.project_id = d.project_id
WHERE d.project_id = :project_id AND m.voucher = :voucher
UNION ALL SELECT d.name, d.version, t.task_ref, NULL AS place, NULL AS secret_name FROM workflow_definition d
JOIN task_voucher t ON t.revision_id = d.revision_id AND t.project_id = d.project_id
WHERE d.project_id = :project_id AND t.voucher = :voucher ORDER BY 1, 2, 3, 4;

-- name: task_voucher_insert!
-- Who vouches for a task of a revision that may ask for an execution token.
INSERT INTO task_voucher (project_id, revision_id, task_ref, voucher) VALUES (:project_id, :revision_id, :task_ref, :voucher);

-- name: task_voucher^
-- point: The voucher of one such task.
SELECT voucher FROM task_voucher WHERE revision_id = :revision_id AND task_ref = :task_ref AND project_id = :project_id;

-- name: task_vouchers_of_revision
-- point: All of a revision.
SELECT task_ref, voucher FROM task_voucher WHERE revision_id = :revision_id AND project_id = :project_id ORDER BY task_ref;

-- name: task_vouch!
-- Another voucher for a task in a revision that runs under way use.
UPDATE task_voucher SET voucher = :voucher WHERE revision_id = :revision_id AND task_ref = :task_ref AND project_id = :project_id;
