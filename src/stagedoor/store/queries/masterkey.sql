-- name: master_key_insert!
-- A master key by its id; `wrapped` is what a key service gave for it, NULL for one from a file or the environment.
INSERT INTO master_key (master_id, wrapped, created_at, retired_at) VALUES (:master_id, :wrapped, :created_at, NULL) ON CONFLICT DO NOTHING;

-- name: master_key_by_id^
-- point: A master key as the key service wrapped it.
SELECT master_id, wrapped, retired_at FROM master_key WHERE master_id = :master_id;

-- name: master_keys_unretired
-- The active one, and while a rotation is under way the one before it.
SELECT master_id FROM master_key WHERE retired_at IS NULL ORDER BY created_at, master_id;

-- name: master_keys_retire!
-- Nothing is sealed under them any more; what a key service wrapped is forgotten.
UPDATE master_key SET retired_at = :retired_at, wrapped = NULL WHERE retired_at IS NULL AND master_id <> :master_id;

-- name: master_key_active_insert!
-- The first master key of a store.
INSERT INTO master_key_active (slot, master_id) VALUES ('now', :master_id) ON CONFLICT DO NOTHING;

-- name: master_key_active^
-- point: The master key that new things are sealed under.
SELECT master_id FROM master_key_active WHERE slot = 'now';

-- name: master_key_active_kept^
-- The same for a transaction that seals: no rotation begins before it ends.
SELECT master_id FROM master_key_active WHERE slot = 'now' /*postgres FOR SHARE */;

-- name: master_key_active_locked^
-- The same for a rotation: it waits for whoever is sealing under the one before.
SELECT master_id FROM master_key_active WHERE slot = 'now' /*postgres FOR UPDATE */;

-- name: master_key_activate!
-- From now on new things are sealed under another one.
UPDATE master_key_active SET master_id = :master_id WHERE slot = 'now';

-- name: derived_key^
-- point: The key for one purpose, wrapped.
SELECT sealed, master_id FROM derived_key WHERE purpose = :purpose;

-- name: derived_key_insert!
-- The key for one purpose; of two nodes that make it at once both make the same.
INSERT INTO derived_key (purpose, sealed, master_id, created_at) VALUES (:purpose, :sealed, :master_id, :created_at) ON CONFLICT DO NOTHING;

-- name: data_keys_by_master
-- Data keys not yet under this master key, at most `portion` of them.
SELECT key_id, project_id, sealed, master_id FROM data_key
WHERE master_id IS NULL OR master_id <> :master_id ORDER BY key_id LIMIT :portion;

-- name: data_key_rewrap!
-- The same data key under another master key.
UPDATE data_key SET sealed = :sealed, master_id = :master_id WHERE project_id = :project_id AND key_id = :key_id;

-- name: signing_keys_by_master
-- Signing keys not yet under this master key.
SELECT kid, sealed, master_id FROM signing_key WHERE master_id IS NULL OR master_id <> :master_id ORDER BY kid LIMIT :portion;

-- name: signing_key_rewrap!
-- The same signing key under another master key.
UPDATE signing_key SET sealed = :sealed, master_id = :master_id WHERE kid = :kid;

-- name: derived_keys_by_master
-- Derived keys not yet under this master key.
SELECT purpose, sealed, master_id FROM derived_key WHERE master_id IS NULL OR master_id <> :master_id ORDER BY purpose LIMIT :portion;

-- name: derived_key_rewrap!
-- The same derived key under another master key.
UPDATE derived_key SET sealed = :sealed, master_id = :master_id WHERE purpose = :purpose;

-- name: keys_left_by_master^
-- How many keys there are, and how many of them are not yet under this master key.
SELECT COUNT(*) AS total, COALESCE(SUM(CASE WHEN k.master_id = :master_id THEN 0 ELSE 1 END), 0) AS left_over
FROM (SELECT master_id FROM data_key UNION ALL SELECT master_id FROM signing_key UNION ALL SELECT master_id FROM derived_key) k;

-- name: data_keys_after
-- All data keys, in portions: everything is opened once more before a master key is given up.
SELECT key_id, project_id, sealed, master_id FROM data_key WHERE key_id > :after ORDER BY key_id LIMIT :portion;

-- name: derived_keys
-- All derived keys; there are a few.
SELECT purpose, sealed, master_id FROM derived_key ORDER BY purpose;
