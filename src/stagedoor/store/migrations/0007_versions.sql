-- A version that was destroyed keeps who made it and when; its `sealed` is empty. From `expires_at` on no door opens the secret; from
-- `remind_at` on the server tells of it once a day, last at `reminded_at`.
ALTER TABLE secret_version ADD COLUMN destroyed_at BIGINT;
ALTER TABLE secret ADD COLUMN expires_at BIGINT;
ALTER TABLE secret ADD COLUMN remind_at BIGINT;
ALTER TABLE secret ADD COLUMN reminded_at BIGINT;
