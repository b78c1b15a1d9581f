-- name: audit_insert!
-- One row of the audit.
INSERT INTO audit (audit_id, project_id, at, actor, credential, action, target, outcome, detail, count, mac)
VALUES (:audit_id, :project_id, :at, :actor, :credential, :action, :target, :outcome, :detail, :count, :mac);

-- name: audit_by_id^
-- point: One row of the audit.
SELECT audit_id, count FROM audit WHERE audit_id = :audit_id;

-- name: audit_count!
-- The same refusal once more within its minute.
UPDATE audit SET count = :count, mac = :mac WHERE audit_id = :audit_id;
