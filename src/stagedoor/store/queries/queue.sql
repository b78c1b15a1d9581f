-- name: work_put!
-- Queue an item, in place of whatever was queued for it.
INSERT INTO work (item_id, run_id, line, rank, due, payload, lease, leased_until)
VALUES (:item_id, :run_id, :line, :rank, :due, :payload, '', 0)
ON CONFLICT (item_id) DO UPDATE SET line = excluded.line, rank = excluded.rank, due = excluded.due,
payload = excluded.payload, lease = '', leased_until = 0;

-- name: work_remove!
-- Take an item away.
DELETE FROM work WHERE item_id = :item_id;

-- name: work_remove_of_run!
-- Take everything of a run away.
DELETE FROM work WHERE run_id = :run_id;

-- name: work_here^
-- point: Whether an item is still in its line and due.
SELECT item_id FROM work WHERE item_id = :item_id AND line = :line AND due <= :now;

-- name: work_waiting
-- point: The next items of a line behind a cursor, those not due yet left out.
SELECT item_id, run_id, rank, due FROM work
WHERE line = :line AND due <= :now AND (rank, due, item_id) > (:after_rank, :after_due, :after_id)
ORDER BY rank, due, item_id LIMIT :size;

-- name: work_next_due^
-- point: When the next item of a line that is not due yet will be.
SELECT MIN(due) AS due FROM work WHERE line = :line AND due > :now;

-- name: work_size^
-- How many items a line holds.
SELECT COUNT(*) AS size FROM work WHERE line = :line;

-- name: job_ready
-- point: Jobs of a line to be done, and not leased to anybody.
SELECT item_id, run_id FROM work WHERE line = :line AND due <= :now AND leased_until <= :now ORDER BY rank, due, item_id LIMIT :size;

-- name: job_ready_within
-- point: The same of a part of the line.
SELECT item_id, run_id, rank FROM work WHERE line = :line AND rank BETWEEN :least AND :most AND due <= :now AND leased_until <= :now
ORDER BY rank, due, item_id LIMIT :size;

-- name: job_rank_next^
-- point: The first rank in a line from this one on.
SELECT MIN(rank) AS rank FROM work WHERE line = :line AND rank >= :least;

-- name: job_lease^
-- Lease a job to this process.
UPDATE work SET lease = :lease, leased_until = :until WHERE item_id = :item_id AND line = :line AND leased_until <= :now
RETURNING item_id, run_id, line, rank, payload, lease;

-- name: job_renew!
-- A job still being performed.
UPDATE work SET leased_until = :until WHERE item_id = :item_id AND lease = :lease;

-- name: job_payload^
-- What a job that needs no lease is to do; nothing if another process has done it.
SELECT payload FROM work WHERE item_id = :item_id AND line = :line;

-- name: job_finish!
-- A job is done; 0 rows if it was taken away or leased to another process meanwhile.
DELETE FROM work WHERE item_id = :item_id AND lease = :lease;

-- name: job_release!
-- Give a job back undone.
UPDATE work SET lease = '', leased_until = 0 WHERE item_id = :item_id AND lease = :lease;

-- name: job_release_all!
-- At the start of the only process: whatever an earlier one had leased.
UPDATE work SET lease = '', leased_until = 0 WHERE leased_until > 0;

-- name: clockwork_take^
-- Become or stay the owner of the clockwork: a row comes back only to the owner.
INSERT INTO clockwork (name, owner, token, until) VALUES (:name, :owner, 1, :until)
ON CONFLICT (name) DO UPDATE SET until = excluded.until, owner = excluded.owner,
token = CASE WHEN clockwork.owner = excluded.owner THEN clockwork.token ELSE clockwork.token + 1 END
WHERE clockwork.owner = excluded.owner OR clockwork.until <= :now
RETURNING token;

-- name: clockwork_free!
-- Take it from a process that is known to be dead.
UPDATE clockwork SET until = 0 WHERE name = :name AND owner <> :owner;

-- name: clockwork_holds^
-- Whether this owner's token is the current one.
SELECT token FROM clockwork WHERE name = :name AND token = :token /*postgres FOR SHARE */;

-- name: clockwork_leave!
-- Let another node take over at once.
UPDATE clockwork SET until = 0 WHERE name = :name AND owner = :owner;
