-- name: leak_insert_once!
-- A credential was found at a place; 0 rows where that is known.
INSERT INTO leak (leak_id, project_id, credential, kind, owner, mask, place, source, reported_by, first_at, last_at, reports, paused_at)
VALUES (:leak_id, :project_id, :credential, :kind, :owner, :mask, :place, :source, :reported_by, :now, :now, 1, :paused_at)
ON CONFLICT (leak_id) DO NOTHING;

-- name: leak_again!
-- It was reported once more; `paused_at` where that paused it anew.
UPDATE leak SET last_at = :now, reports = reports + 1, paused_at = COALESCE(CAST(:paused_at AS BIGINT), paused_at)
WHERE project_id = :project_id AND leak_id = :leak_id;

-- name: auth_session_end!
-- A link whose client secret has leaked is over; whoever came by it is as well.
DELETE FROM auth_session WHERE project_id = :project_id AND id = :id AND expires_at > :now;

-- name: leaks_of_project
-- What was found of a project's credentials, newest first, in pages: those before a time, and after one of that time.
SELECT leak_id, credential, kind, owner, mask, place, source, reported_by, first_at, last_at, reports, paused_at FROM leak
WHERE project_id = :project_id AND (first_at < :before OR (first_at = :before AND leak_id > :last))
ORDER BY first_at DESC, leak_id LIMIT :size;
