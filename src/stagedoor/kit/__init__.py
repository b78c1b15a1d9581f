"""Floor 0: errors, clock, ids, crypto, tokens, templates, strict JSON. Knows nothing of this project."""
