-- name: task_put!
-- Insert or replace a task.
INSERT INTO task (task_id, run_id, seq, body) VALUES (:task_id, :run_id, :seq, :body)
ON CONFLICT (task_id) DO UPDATE SET body = excluded.body;

-- name: task_by_id^
-- point: One task.
SELECT run_id, body FROM task WHERE task_id = :task_id;

-- name: task_run^
-- point: The run of a task, which never changes.
SELECT run_id FROM task WHERE task_id = :task_id;

-- name: task_of_run
-- point: All tasks of a run, in the order they were scheduled.
SELECT body FROM task WHERE run_id = :run_id ORDER BY seq;

-- name: task_remove_of_run!
-- Delete the tasks of a run.
DELETE FROM task WHERE run_id = :run_id;

-- name: task_log_add!
-- One line of a task's log.
INSERT INTO task_log (task_id, position, log, created_at)
SELECT :task_id, COALESCE(MAX(position), 0) + 1, :log, :created_at FROM task_log WHERE task_id = :task_id;

-- name: task_log_list
-- A task's log.
SELECT log, created_at FROM task_log WHERE task_id = :task_id ORDER BY position;

-- name: task_log_end
-- The last lines of a task's log, the last one first.
SELECT position, log FROM task_log WHERE task_id = :task_id ORDER BY position DESC LIMIT :size;

-- name: task_log_mask!
-- Put what is left of a line after part of a secret's value was found in it.
UPDATE task_log SET log = :log WHERE task_id = :task_id AND position = :position;

-- name: task_log_remove_of_run!
-- Delete the logs of a run.
DELETE FROM task_log WHERE task_id IN (SELECT task_id FROM task WHERE run_id = :run_id);
