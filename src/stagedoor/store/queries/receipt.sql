-- name: secret_use_add!
-- That a value was filled in at a place and left through a door.
INSERT INTO secret_use (use_id, project_id, root_id, run_id, workflow, workflow_version, task_id, task_ref, task_type, place,
secret_id, secret_name, secret_path, secret_version, door, consumer, starter, voucher, voucher_access, authority, with_port, literal, opened_at)
VALUES (:use_id, :project_id, :root_id, :run_id, :workflow, :workflow_version, :task_id, :task_ref, :task_type, :place,
:secret_id, :secret_name, :secret_path, :secret_version, :door, :consumer, :starter, :voucher, :voucher_access, :authority, :with_port, :literal,
:opened_at);

-- name: secret_uses_of_tree
-- The uses of a tree of runs in their order; those after one that is known.
SELECT use_id, root_id, run_id, workflow, workflow_version, task_id, task_ref, task_type, place, secret_id, secret_name, secret_path,
secret_version, door, consumer, starter, voucher, voucher_access, authority, with_port, literal, opened_at FROM secret_use
WHERE project_id = :project_id AND root_id = :root_id AND (opened_at, use_id) > (:opened_at, :use_id)
ORDER BY opened_at, use_id LIMIT :size;

-- name: secret_runs_of_tree
-- The runs of a tree that have uses.
SELECT DISTINCT run_id FROM secret_use WHERE project_id = :project_id AND root_id = :root_id ORDER BY run_id LIMIT :size;

-- name: secret_uses_counted
-- What became of a secret by all that a policy asks: the days that are counted, and single uses since then.
SELECT workflow, task_ref, task_type, place, door, consumer, voucher, voucher_access, authority, with_port, literal, SUM(n) AS uses,
SUM(CASE WHEN last_at >= :lately THEN n ELSE 0 END) AS uses_lately, MIN(first_at) AS first_at, MAX(last_at) AS last_at FROM (
SELECT d.workflow, d.task_ref, d.task_type, d.place, d.door, d.consumer, d.voucher, d.voucher_access, d.authority, d.with_port, d.literal,
d.uses AS n, d.first_at, d.last_at FROM secret_use_day d
WHERE d.project_id = :project_id AND d.secret_id = :secret_id AND d.day >= :day
UNION ALL
SELECT u.workflow, u.task_ref, u.task_type, u.place, u.door, u.consumer, u.voucher, u.voucher_access, u.authority, u.with_port, u.literal,
1 AS n, u.opened_at AS first_at, u.opened_at AS last_at FROM secret_use u
WHERE u.project_id = :project_id AND u.secret_id = :secret_id AND u.opened_at >= :uncounted) found
GROUP BY workflow, task_ref, task_type, place, door, consumer, voucher, voucher_access, authority, with_port, literal
ORDER BY workflow, task_ref, task_type, place, door, consumer, voucher, voucher_access, authority, with_port, literal LIMIT :size;

-- name: secret_uses_to_count
-- Uses that are not counted yet, by day.
SELECT secret_id, opened_at / 86400000 AS day, workflow, task_ref, task_type, place, door, consumer, voucher, voucher_access, authority, with_port, literal,
COUNT(*) AS uses, MIN(opened_at) AS first_at, MAX(opened_at) AS last_at FROM secret_use
WHERE project_id = :project_id AND opened_at >= :since AND opened_at < :until
GROUP BY secret_id, opened_at / 86400000, workflow, task_ref, task_type, place, door, consumer, voucher, voucher_access, authority, with_port, literal;

-- name: secret_use_beyond^
-- When the use was made that comes so many after a time.
SELECT opened_at FROM secret_use WHERE project_id = :project_id AND opened_at >= :since ORDER BY opened_at LIMIT 1 OFFSET :most;

-- name: secret_use_count!
-- So many more in a day; they come in the order of time.
INSERT INTO secret_use_day (project_id, secret_id, day, workflow, task_ref, task_type, place, door, consumer, voucher, voucher_access, authority, with_port, literal,
uses, first_at, last_at)
VALUES (:project_id, :secret_id, :day, :workflow, :task_ref, :task_type, :place, :door, :consumer, :voucher, :voucher_access, :authority,
:with_port, :literal, :uses, :first_at, :last_at)
ON CONFLICT (project_id, secret_id, day, workflow, task_ref, task_type, place, door, consumer, voucher, voucher_access, authority, with_port,
literal) DO UPDATE SET uses = secret_use_day.uses + excluded.uses, last_at = excluded.last_at;

-- name: secret_use_day_prune!
-- Days that nobody asks about any more.
DELETE FROM secret_use_day WHERE project_id = :project_id AND day < :day;

-- name: uses_counted_begin!
-- Nothing is counted yet.
INSERT INTO secret_use_counted (project_id, until) VALUES (:project_id, 0) ON CONFLICT (project_id) DO NOTHING;

-- name: uses_counted_locked^
-- Up to when uses are counted; one node at a time counts on.
SELECT until FROM secret_use_counted WHERE project_id = :project_id /*postgres FOR UPDATE */;

-- name: uses_counted^
-- Up to when uses are counted.
SELECT until FROM secret_use_counted WHERE project_id = :project_id;

-- name: uses_counted_until!
-- They are counted up to here.
UPDATE secret_use_counted SET until = :until WHERE project_id = :project_id;

-- name: workers_handed
-- Whom a secret was handed to since a day, counted or not.
SELECT consumer FROM secret_use_day WHERE project_id = :project_id AND secret_id = :secret_id AND day >= :day AND door = :door
UNION
SELECT consumer FROM secret_use WHERE project_id = :project_id AND secret_id = :secret_id AND opened_at >= :uncounted AND door = :door
ORDER BY consumer LIMIT :size;

-- name: receipts_without_place^
-- Openings from before places were recorded.
SELECT COUNT(*) AS count FROM receipt
WHERE secret_id = :secret_id AND opened_at >= :since AND opened_at < :until AND door IN ('handoff', 'egress');

-- name: uses_recorded_since^
-- When this store began to record them.
SELECT applied_at FROM schema_version WHERE version = 11;

-- name: secret_named_in
-- Where definitions, as names mean them now, name a secret.
SELECT d.name, d.version, d.revision_id, m.task_ref, m.place, m.secret_path, m.voucher
FROM marker m JOIN workflow_definition d ON d.revision_id = m.revision_id AND d.project_id = m.project_id
WHERE m.project_id = :project_id AND m.secret_name = :secret_name
ORDER BY d.name, d.version, m.task_ref, m.place, m.secret_path LIMIT :size OFFSET :start;

-- name: revisions_that_hold
-- Definitions, as names mean them now, whose text holds such a word.
SELECT w.revision_id, w.body, w.saved_by, w.saved_at FROM workflow_definition d
JOIN workflow_revision w ON w.revision_id = d.revision_id AND w.project_id = d.project_id
WHERE d.project_id = :project_id AND LOWER(w.body) LIKE :word ORDER BY d.name, d.version LIMIT :size;

-- name: secret_named_count^
-- How often.
SELECT COUNT(*) AS count FROM marker m JOIN workflow_definition d ON d.revision_id = m.revision_id AND d.project_id = m.project_id
WHERE m.project_id = :project_id AND m.secret_name = :secret_name;

-- name: secret_standing^
-- point: Where a secret may be used, and what viewing it demands.
SELECT secret_id, policy, viewing FROM secret WHERE project_id = :project_id AND name = :name;

-- name: secret_set_viewing!
-- What viewing it demands from now on.
UPDATE secret SET viewing = :viewing WHERE project_id = :project_id AND name = :name;

-- name: release_add!
-- Something that another person must agree to.
INSERT INTO secret_release (release_id, project_id, secret_id, kind, asker, reason, minutes, change, asked_at, status, ends_at)
VALUES (:release_id, :project_id, :secret_id, :kind, :asker, :reason, :minutes, :change, :asked_at, :status, :ends_at);

-- name: release_locked^
-- One of them, about to be decided.
SELECT release_id, kind, asker, reason, minutes, change, asked_at, status, decided_by, decided_at, ends_at FROM secret_release
WHERE project_id = :project_id AND secret_id = :secret_id AND release_id = :release_id /*postgres FOR UPDATE */;

-- name: release_decide!
-- What became of it.
UPDATE secret_release SET status = :status, decided_by = :decided_by, decided_at = :decided_at, ends_at = :ends_at
WHERE project_id = :project_id AND release_id = :release_id;

-- name: releases_of_secret
-- The newest of a secret.
SELECT release_id, kind, asker, reason, minutes, change, asked_at, status, decided_by, decided_at, ends_at FROM secret_release
WHERE project_id = :project_id AND secret_id = :secret_id ORDER BY asked_at DESC, release_id LIMIT :size;

-- name: release_open
-- What one person may view now, or has asked for and nobody decided: the transaction holds it, so that no revocation overtakes it.
SELECT release_id, reason, asked_at FROM secret_release WHERE project_id = :project_id AND secret_id = :secret_id
AND asker = :asker AND kind = :kind AND status = :status AND ends_at > :now ORDER BY ends_at DESC LIMIT 1 /*postgres FOR SHARE */;

-- name: done_to_target
-- Who made an account or sent its link, made an application, a key or a trust of it, wrote a custom role, or put a tag on, with the tags.
SELECT DISTINCT actor, action, CASE WHEN action = 'tag.put' THEN detail ELSE '' END AS detail FROM audit
WHERE project_id = :project_id AND target = :target AND outcome = 'done' AND action IN
('user.create', 'user.invite', 'application.create', 'access_key.create', 'role.create', 'role.update', 'tag.put', 'trust.create',
'trust.update', 'access_key.rotate');
