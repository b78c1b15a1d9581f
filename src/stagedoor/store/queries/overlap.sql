-- name: key_to_rotate^
-- point: A key with all that its successor takes over, and what vouches for it.
SELECT id, project_id, kind, owner, digest, created_by, created_at, expires_at, paused_at, name, ceiling, replaces, retire_at, retire_idle,
    kid, mac, last_used_at FROM credential
WHERE project_id = :project_id AND id = :id;

-- name: keys_replacing
-- Those that were made in a key's place, newest first.
SELECT id, created_at, expires_at, retire_at FROM credential
WHERE project_id = :project_id AND replaces = :id ORDER BY created_at DESC, id;

-- name: key_set_retirement!
-- Another end, and what vouches for the row with it.
UPDATE credential SET retire_at = :retire_at, retire_idle = :retire_idle, mac = :mac WHERE project_id = :project_id AND id = :id;

-- name: keys_idle
-- Keys that were rotated, and since then not used for as long as was said, and that nothing else has ended.
SELECT DISTINCT c.id, c.owner FROM credential n JOIN credential c ON c.project_id = n.project_id AND c.id = n.replaces
WHERE n.project_id = :project_id AND n.replaces IS NOT NULL AND c.retire_idle IS NOT NULL
AND (c.retire_at IS NULL OR c.retire_at > :now)
AND (CAST(:id AS TEXT) IS NULL OR c.id = :id) AND n.created_at + c.retire_idle < :before AND COALESCE(c.last_used_at, 0) + c.retire_idle < :before
ORDER BY c.id LIMIT :portion;
