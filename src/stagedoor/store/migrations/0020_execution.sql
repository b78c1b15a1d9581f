-- Who vouches for a task that may ask for an execution token: whoever last saved it, as for a marker.
CREATE TABLE task_voucher (
    project_id TEXT NOT NULL,
    revision_id TEXT NOT NULL,
    task_ref TEXT NOT NULL,
    voucher TEXT NOT NULL,
    PRIMARY KEY (revision_id, task_ref)
);
CREATE INDEX task_voucher_of ON task_voucher (project_id, voucher);
