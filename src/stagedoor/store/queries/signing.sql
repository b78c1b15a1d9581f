-- name: signing_key_insert!
-- A token signing key, sealed under the master key. From now on it signs.
INSERT INTO signing_key (kid, sealed, master_id, created_at, signs_from, retired_at)
VALUES (:kid, :sealed, :master_id, :created_at, :signs_from, NULL);

-- name: signing_keys
-- Every signing key, the one that signs first; there are few.
SELECT kid, sealed, master_id, created_at, signs_from, retired_at FROM signing_key ORDER BY signs_from DESC, kid;

-- name: signing_key_known^
-- point: Whether there is such a key at all: what a token names may be newer than what this node has read.
SELECT kid FROM signing_key WHERE kid = :kid;

-- name: signing_keys_retire!
-- All that are not retiring yet, save one: they verify until then.
UPDATE signing_key SET retired_at = :retired_at WHERE kid <> :kid AND (retired_at IS NULL OR retired_at > :retired_at);

-- name: signing_key_sign!
-- It signs again.
UPDATE signing_key SET signs_from = :signs_from, retired_at = NULL WHERE kid = :kid;

-- name: signing_keys_prune!
-- Those that have verified nothing for a while.
DELETE FROM signing_key WHERE retired_at < :before;

-- name: revoked_token_insert!
-- No token of this jti, nor any that descends from it, is good any more.
INSERT INTO revoked_token (project_id, jti, expires_at) VALUES (:project_id, :jti, :expires_at)
ON CONFLICT (project_id, jti) DO NOTHING;

-- name: revoked_token_by_jti^
-- point: Whether it was revoked.
SELECT jti FROM revoked_token WHERE project_id = :project_id AND jti = :jti;

-- name: revoked_tokens_prune!
-- Those that have expired long since.
DELETE FROM revoked_token WHERE project_id = :project_id AND expires_at < :before;
