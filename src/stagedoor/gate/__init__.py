"""Floor 4: joins the engine, permissions, secrets and the audit. Here are the two doors through which a secret leaves.

`handoff` gives values to a worker that polls, `egress` to the host of an HTTP task; `redaction` masks whatever comes back.
"""
