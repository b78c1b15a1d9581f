-- Who made an account or sent its link, made an application or a key of it, wrote a custom role, or put a tag on.
DROP INDEX audit_of_accounts;
CREATE INDEX audit_of_makers ON audit (project_id, target) WHERE action IN
('user.create', 'user.invite', 'application.create', 'access_key.create', 'role.create', 'role.update', 'tag.put');
