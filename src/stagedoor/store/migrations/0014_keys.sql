-- What every kind of key may carry. `mask` and `name` are for people; all the rest is under the row's MAC wherever it is set.
-- `ceiling` is JSON (core/ceiling.py). `replaces` is the credential that this one was rotated from. `retire_at` is a time (epoch ms),
-- `retire_idle` the milliseconds without use after which a credential retires. `kid` names a key of a trusted issuer.
ALTER TABLE credential ADD COLUMN name TEXT;
ALTER TABLE credential ADD COLUMN mask TEXT;
ALTER TABLE credential ADD COLUMN ceiling TEXT;
ALTER TABLE credential ADD COLUMN replaces TEXT;
ALTER TABLE credential ADD COLUMN retire_at BIGINT;
ALTER TABLE credential ADD COLUMN retire_idle BIGINT;
ALTER TABLE credential ADD COLUMN kid TEXT;
CREATE INDEX credential_by_digest ON credential (digest);
