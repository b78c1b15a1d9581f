-- Operators, who stand above projects, and the project that a person signed in to last.
CREATE TABLE operator (
    person_id TEXT PRIMARY KEY,
    made_by TEXT NOT NULL,
    made_at BIGINT NOT NULL
);
ALTER TABLE person ADD COLUMN last_project TEXT;
-- A store made before has its administrators as operators: whoever has ADMIN in the project that `stagedoor init` made.
INSERT INTO operator (person_id, made_by, made_at)
SELECT a.person_id, 'migration', a.created_at FROM account a
JOIN subject_role r ON r.project_id = a.project_id AND r.subject = 'USER:' || a.user_id
WHERE a.project_id = 'default' AND r.role = 'ADMIN' AND a.person_id IS NOT NULL;
