-- name: projects_all
-- Every project, for operators.
SELECT id, name, created_at FROM project ORDER BY id;

-- name: projects_of_person
-- The projects that a person has an account in.
SELECT p.id, p.name, p.created_at FROM account a JOIN project p ON p.id = a.project_id WHERE a.person_id = :person_id ORDER BY p.id;

-- name: person_by_id^
-- point: Whether there is such a person.
SELECT id FROM person WHERE id = :person_id;

-- name: person_of_account^
-- point: The person behind an account.
SELECT person_id FROM account WHERE project_id = :project_id AND user_id = :user_id;

-- name: person_set_last_project!
-- Where the next sign-in that names no project goes.
UPDATE person SET last_project = :project_id WHERE id = :person_id;

-- name: accounts_of_person
-- point: Where a person may sign in, with what the password is checked against.
SELECT a.project_id, a.user_id, p.password_hash, p.last_project FROM account a JOIN person p ON p.id = a.person_id
WHERE a.person_id = :person_id ORDER BY a.project_id;

-- name: members_of_project
-- Every account with its own roles, one row a role.
SELECT a.user_id, a.name, r.role FROM account a LEFT JOIN subject_role r ON r.project_id = a.project_id AND r.subject = 'USER:' || a.user_id
WHERE a.project_id = :project_id ORDER BY a.user_id, r.role;

-- name: operator_insert!
-- An operator more; twice is once.
INSERT INTO operator (person_id, made_by, made_at) VALUES (:person_id, :made_by, :made_at) ON CONFLICT DO NOTHING;

-- name: operator_delete!
-- An operator less.
DELETE FROM operator WHERE person_id = :person_id;

-- name: operators
-- Every operator.
SELECT person_id, made_by, made_at FROM operator ORDER BY person_id;

-- name: password_of_operator^
-- point: The password hash of an operator.
SELECT p.password_hash FROM operator o JOIN person p ON p.id = o.person_id WHERE o.person_id = :person_id;

-- name: operator_of_account^
-- point: The operator who is signed in with an account of a project.
SELECT o.person_id FROM credential c JOIN account a ON a.project_id = c.project_id AND a.user_id = c.owner
JOIN operator o ON o.person_id = a.person_id WHERE c.id = :id AND c.project_id = :project_id AND c.kind IN ('session', 'console_session');

-- name: operator_of_entry^
-- point: The operator who has entered a project without an account in it; the owner is `operator:` and the person.
SELECT o.person_id FROM credential c JOIN operator o ON o.person_id = substr(c.owner, 10)
WHERE c.id = :id AND c.project_id = :project_id AND c.kind IN ('operator_session', 'console_session');

-- name: projects_entered
-- The projects that an operator has entered.
SELECT DISTINCT project_id FROM subject_role WHERE subject = :subject ORDER BY project_id;
