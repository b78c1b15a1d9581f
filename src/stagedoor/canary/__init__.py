"""`stagedoor doctor --canary`: secrets that are known again wherever they sing go through everything on a temporary store, and then all
that the server stored, logged and answered is searched for them (docs/decisions/0030-redaction.md)."""
