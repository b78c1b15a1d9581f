-- Which key another one was rotated from: few are.
CREATE INDEX credential_by_replaced ON credential (project_id, replaces) WHERE replaces IS NOT NULL;

-- Who trusts an issuer's tokens for an application can be it, and who rotates a key of it, as who makes one.
DROP INDEX audit_of_makers;
CREATE INDEX audit_of_makers ON audit (project_id, target) WHERE action IN
('user.create', 'user.invite', 'application.create', 'access_key.create', 'role.create', 'role.update', 'tag.put', 'trust.create',
'trust.update', 'access_key.rotate');
