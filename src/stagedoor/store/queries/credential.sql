-- name: signing_key_insert!
-- A token signing key, sealed under the master key.
INSERT INTO signing_key (kid, sealed, master_id, created_at, retired_at) VALUES (:kid, :sealed, :master_id, :created_at, NULL);

-- name: signing_keys
-- Every signing key, newest first; there are few.
SELECT kid, sealed, master_id, created_at, retired_at FROM signing_key ORDER BY created_at DESC, kid;

-- name: credential_insert!
-- A credential of any kind.
INSERT INTO credential (id, project_id, kind, owner, digest, created_by, created_at, expires_at, mac)
VALUES (:id, :project_id, :kind, :owner, :digest, :created_by, :created_at, :expires_at, :mac);

-- name: credential_by_id^
-- point: A credential as it stands now.
SELECT id, project_id, kind, owner, digest, created_by, created_at, expires_at, paused_at, mac FROM credential WHERE id = :id;

-- name: credentials_without_mac
-- Credentials that an earlier version made, at most `portion` of them.
SELECT id, project_id, kind, owner, digest, created_by, expires_at FROM credential WHERE mac IS NULL ORDER BY id LIMIT :portion;

-- name: credential_set_mac!
-- What vouches for such a row from now on.
UPDATE credential SET mac = :mac WHERE project_id = :project_id AND id = :id AND mac IS NULL;

-- name: credentials_of_owner
-- point: All credentials of one kind that an owner has, oldest first.
SELECT id, created_at, paused_at FROM credential
WHERE project_id = :project_id AND owner = :owner AND kind = :kind ORDER BY created_at, id;

-- name: credential_set_paused!
-- Pause (a time) or resume (NULL).
UPDATE credential SET paused_at = :paused_at WHERE project_id = :project_id AND id = :id;

-- name: credential_delete!
-- Gone, with all it minted.
DELETE FROM credential WHERE project_id = :project_id AND id = :id;

-- name: credentials_delete_of_owner!
-- All credentials of an owner that is deleted.
DELETE FROM credential WHERE project_id = :project_id AND owner = :owner;

-- name: credentials_delete_of_kind!
-- All credentials of one kind that an owner has.
DELETE FROM credential WHERE project_id = :project_id AND owner = :owner AND kind = :kind;
