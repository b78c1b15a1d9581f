-- Which revisions runs under way use: few rows, however many runs have ended.
CREATE INDEX run_under_way ON run (revision_id) WHERE status IN ('RUNNING', 'PAUSED');
