-- name: epoch_raise^
-- point: The project's next epoch; the row stays locked until the transaction ends.
INSERT INTO epoch (project_id, number) VALUES (:project_id, 1)
ON CONFLICT (project_id) DO UPDATE SET number = epoch.number + 1
RETURNING number;

-- name: epoch_of^
-- point: One project's epoch.
SELECT number FROM epoch WHERE project_id = :project_id;

-- name: epoch_all
-- Every project's epoch, read by each node five times a second.
SELECT project_id, number FROM epoch;
