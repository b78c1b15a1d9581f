-- name: person_insert!
-- A person, once for all projects; one who is there already keeps the password.
INSERT INTO person (id, password_hash, created_at) VALUES (:id, :password_hash, :created_at) ON CONFLICT (id) DO NOTHING;

-- name: account_insert!
-- A person's account in one project.
INSERT INTO account (project_id, user_id, person_id, uuid, name, created_at, contact)
VALUES (:project_id, :user_id, :person_id, :uuid, :name, :created_at, :contact);

-- name: account_by_id^
-- point: A user of a project.
SELECT user_id, name, uuid, created_at, contact, version FROM account WHERE project_id = :project_id AND user_id = :user_id;

-- name: accounts_of_project
-- Every user of a project.
SELECT user_id, name, uuid, created_at, contact, version FROM account WHERE project_id = :project_id ORDER BY user_id;

-- name: account_update!
-- What a user's row holds besides its id.
UPDATE account SET name = :name, contact = :contact, version = version + 1 WHERE project_id = :project_id AND user_id = :user_id;

-- name: account_delete!
-- The account's own row; the person stays.
DELETE FROM account WHERE project_id = :project_id AND user_id = :user_id;

-- name: subject_exists^
-- point: Whether a user or an application of that id exists; `subject` is `USER:` and the id.
SELECT 1 AS found FROM account WHERE project_id = :project_id AND user_id = :user_id
UNION ALL
SELECT 1 AS found FROM application WHERE project_id = :project_id AND id = substr(CAST(:subject AS TEXT), 10) AND substr(CAST(:subject AS TEXT), 1, 9) = 'USER:app:';

-- name: application_insert!
-- A new application.
INSERT INTO application (project_id, id, name, created_by, created_at, updated_by, updated_at)
VALUES (:project_id, :id, :name, :created_by, :created_at, :updated_by, :updated_at);

-- name: application_by_id^
-- point: One application.
SELECT id, name, created_by, created_at, updated_by, updated_at FROM application WHERE project_id = :project_id AND id = :id;

-- name: applications_of_project
-- All applications, oldest first.
SELECT id, name, created_by, created_at, updated_by, updated_at FROM application WHERE project_id = :project_id ORDER BY created_at, id;

-- name: application_rename!
-- A new name.
UPDATE application SET name = :name, updated_by = :updated_by, updated_at = :updated_at WHERE project_id = :project_id AND id = :id;

-- name: application_delete!
-- The application's own row.
DELETE FROM application WHERE project_id = :project_id AND id = :id;

-- name: passwords_after
-- Stored password hashes of all persons, in portions.
SELECT id, password_hash FROM person WHERE id > :after AND password_hash IS NOT NULL ORDER BY id LIMIT :portion;

-- name: person_set_password!
-- A password that the person has chosen.
UPDATE person SET password_hash = :password_hash WHERE id = :person_id;
