-- What the store's tests keep: boxes, and things in them.
CREATE TABLE box (
    id TEXT PRIMARY KEY,
    number BIGINT NOT NULL,
    flag INTEGER,
    sealed BYTEA
);
CREATE TABLE thing (
    id TEXT PRIMARY KEY,
    box_id TEXT NOT NULL REFERENCES box (id)
);
CREATE INDEX thing_of_box ON thing (box_id);
