-- name: console_session_by_digest^
-- point: The session whose cookie has this digest, as it stands now.
SELECT id, project_id, kind, owner, digest, created_by, created_at, expires_at, paused_at, ceiling, replaces, retire_at, retire_idle, kid, mac,
    last_used_at
FROM credential WHERE digest = :digest AND kind = :kind ORDER BY created_at, id LIMIT 1;
