-- Groups, custom roles, versions of what is edited as a whole, and a tag's `key:value` as grants name it.
CREATE TABLE user_group (
    project_id TEXT NOT NULL,
    id TEXT NOT NULL,
    description TEXT NOT NULL,
    default_access TEXT NOT NULL,
    contact TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, id)
);
CREATE TABLE membership (
    project_id TEXT NOT NULL,
    member TEXT NOT NULL,
    group_id TEXT NOT NULL,
    added_by TEXT NOT NULL,
    added_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, member, group_id)
);
CREATE INDEX membership_of_group ON membership (project_id, group_id);
CREATE TABLE custom_role (
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    permissions TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, name)
);
CREATE INDEX subject_role_of_role ON subject_role (project_id, role);
ALTER TABLE account ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE account ADD COLUMN contact TEXT NOT NULL DEFAULT '{}';
ALTER TABLE tag ADD COLUMN pair TEXT NOT NULL DEFAULT '';
UPDATE tag SET pair = tag_key || ':' ||
    CASE WHEN substr(tag_value, 1, 1) = '"' THEN substr(tag_value, 2, length(tag_value) - 2) ELSE tag_value END;
CREATE INDEX tag_of_pair ON tag (project_id, pair);
