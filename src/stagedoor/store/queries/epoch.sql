-- name: epoch_raise^
-- point: The project's next epoch; the row stays locked until the transaction ends.
INSERT INTO epoch (project_id, number) VALUES (:project_id, 1)
ON CONFLICT (project_id) DO UPDATE SET number = epoch.number + 1
RETURNING number;

-- name: epoch_of^
-- point: One project's epoch.
SELECT number FROM epoch WHERE project_id = :project_id;

-- name: epochs_named^
-- Four epochs by name in one row, read by whoever asks for rights inside a transaction.
SELECT
    COALESCE((SELECT number FROM epoch WHERE project_id = :one), 0) AS one,
    COALESCE((SELECT number FROM epoch WHERE project_id = :two), 0) AS two,
    COALESCE((SELECT number FROM epoch WHERE project_id = :three), 0) AS three,
    COALESCE((SELECT number FROM epoch WHERE project_id = :four), 0) AS four;

-- name: epoch_all
-- Every project's epoch, read by each node five times a second.
SELECT project_id, number FROM epoch;
