-- name: project_signing_key_insert!
-- A key that project secret keys are signed with, sealed.
INSERT INTO project_signing_key (kid, sealed, created_at) VALUES (:kid, :sealed, :created_at);

-- name: project_signing_key_newest^
-- The one that signs.
SELECT kid, created_at FROM project_signing_key ORDER BY created_at DESC LIMIT 1;

-- name: project_signing_key_by_kid^
-- point: One of them, sealed.
SELECT sealed FROM project_signing_key WHERE kid = :kid;

-- name: project_signing_keys_drop_unused!
-- All but one that no secret key's row names.
DELETE FROM project_signing_key WHERE kid <> :kid AND NOT EXISTS (
    SELECT 1 FROM credential c WHERE c.kid = project_signing_key.kid AND c.kind = 'secret_key'
);

-- name: secret_keys_of_project
-- point: A project's secret keys, oldest first.
SELECT id, name, mask, kid, created_by, created_at, expires_at, paused_at, replaces, retire_at, retire_idle, last_used_at, last_used_from,
    (SELECT n.id FROM credential n WHERE n.project_id = credential.project_id AND n.replaces = credential.id
        ORDER BY n.created_at DESC, n.id LIMIT 1) AS replaced_by
FROM credential
WHERE credential.project_id = :project_id AND owner = :owner AND kind = 'secret_key' ORDER BY created_at, id;

-- name: secret_key_of_project^
-- point: One of them.
SELECT id, name, mask, kid, created_by, created_at, expires_at, paused_at, replaces, retire_at, retire_idle, last_used_at, last_used_from,
    (SELECT n.id FROM credential n WHERE n.project_id = credential.project_id AND n.replaces = credential.id
        ORDER BY n.created_at DESC, n.id LIMIT 1) AS replaced_by
FROM credential
WHERE credential.project_id = :project_id AND id = :id AND kind = 'secret_key';

-- name: publishable_key_of_project^
-- point: A project's publishable key: `mask` is the whole of it.
SELECT id, project_id, kind, owner, digest, created_by, expires_at, ceiling, replaces, retire_at, retire_idle, kid, mask, mac FROM credential
WHERE project_id = :project_id AND kind = 'publishable_key';

-- name: credentials_with_digest
-- point: Whose secret has this digest, of any kind.
SELECT id, kind FROM credential WHERE digest = :digest;

-- name: projects_without_publishable_key
-- Projects that an earlier version made.
SELECT p.id FROM project p WHERE NOT EXISTS (SELECT 1 FROM credential c WHERE c.project_id = p.id AND c.kind = 'publishable_key')
ORDER BY p.id;
