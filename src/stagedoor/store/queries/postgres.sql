-- name: notify_lightly^
-- This transaction need not wait for the disk: it carries hints only.
SELECT set_config('synchronous_commit', 'off', true);

-- name: notify_all
-- Many notices in one statement.
SELECT pg_notify(:channel, line) FROM unnest(CAST(:texts AS TEXT[])) AS line;
