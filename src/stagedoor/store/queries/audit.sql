-- name: audit_insert!
-- One row of the audit.
INSERT INTO audit (audit_id, project_id, at, actor, credential, action, target, outcome, detail, count, mac)
VALUES (:audit_id, :project_id, :at, :actor, :credential, :action, :target, :outcome, :detail, :count, :mac);

-- name: audit_insert_once!
-- The same for a refusal, whose id says what it is; 0 rows if it is there already.
INSERT INTO audit (audit_id, project_id, at, actor, credential, action, target, outcome, detail, count, mac)
VALUES (:audit_id, :project_id, :at, :actor, :credential, :action, :target, :outcome, :detail, :count, :mac) ON CONFLICT DO NOTHING;

-- name: audit_locked^
-- point: One row of the audit, to be counted up.
SELECT audit_id, count FROM audit WHERE audit_id = :audit_id /*postgres FOR UPDATE */;

-- name: audit_count!
-- The same refusal once more within its minute.
UPDATE audit SET count = :count, mac = :mac WHERE audit_id = :audit_id;
