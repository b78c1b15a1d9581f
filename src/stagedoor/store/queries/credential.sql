-- name: credential_insert!
-- A credential of any kind.
INSERT INTO credential (id, project_id, kind, owner, digest, created_by, created_at, expires_at, name, mask, ceiling, replaces, retire_at,
    retire_idle, kid, mac)
VALUES (:id, :project_id, :kind, :owner, :digest, :created_by, :created_at, :expires_at, :name, :mask, :ceiling, :replaces, :retire_at,
    :retire_idle, :kid, :mac);

-- name: credential_by_id^
-- point: A credential as it stands now.
SELECT id, project_id, kind, owner, digest, created_by, created_at, expires_at, paused_at, ceiling, replaces, retire_at, retire_idle, kid, mac
FROM credential WHERE id = :id;

-- name: credential_by_digest^
-- point: The credential of one kind whose secret has this digest, as it stands now. Only who writes to the database itself makes two.
SELECT id, project_id, kind, owner, digest, created_by, created_at, expires_at, paused_at, ceiling, replaces, retire_at, retire_idle, kid, mac
FROM credential WHERE digest = :digest AND kind = :kind ORDER BY created_at, id LIMIT 1;

-- name: credentials_without_mac
-- Credentials that an earlier version made, at most `portion` of them.
SELECT id, project_id, kind, owner, digest, created_by, expires_at, ceiling, replaces, retire_at, retire_idle, kid
FROM credential WHERE mac IS NULL ORDER BY id LIMIT :portion;

-- name: credential_set_mac!
-- What vouches for such a row from now on.
UPDATE credential SET mac = :mac WHERE project_id = :project_id AND id = :id AND mac IS NULL;

-- name: credentials_of_owner
-- point: All credentials of one kind that an owner has, oldest first.
SELECT id, created_at, expires_at, paused_at, replaces, retire_at, retire_idle, last_used_at, last_used_from,
    (SELECT n.id FROM credential n WHERE n.project_id = credential.project_id AND n.replaces = credential.id
        ORDER BY n.created_at DESC, n.id LIMIT 1) AS replaced_by
FROM credential
WHERE credential.project_id = :project_id AND owner = :owner AND kind = :kind ORDER BY created_at, id;

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

-- name: api_keys_of_owner
-- point: All API keys of an owner, oldest first.
SELECT id, name, mask, created_at, expires_at, paused_at, replaces, retire_at, retire_idle, last_used_at, last_used_from, ceiling,
    (SELECT n.id FROM credential n WHERE n.project_id = credential.project_id AND n.replaces = credential.id
        ORDER BY n.created_at DESC, n.id LIMIT 1) AS replaced_by
FROM credential
WHERE credential.project_id = :project_id AND owner = :owner AND kind = 'api_key' ORDER BY created_at, id;

-- name: api_key_of_owner^
-- point: One API key, of this owner alone.
SELECT id, name, mask, created_at, expires_at, paused_at, replaces, retire_at, retire_idle, last_used_at, last_used_from, ceiling,
    (SELECT n.id FROM credential n WHERE n.project_id = credential.project_id AND n.replaces = credential.id
        ORDER BY n.created_at DESC, n.id LIMIT 1) AS replaced_by
FROM credential
WHERE credential.project_id = :project_id AND owner = :owner AND kind = 'api_key' AND id = :id;

-- name: credential_rename!
-- What people call it.
UPDATE credential SET name = :name WHERE project_id = :project_id AND id = :id;
