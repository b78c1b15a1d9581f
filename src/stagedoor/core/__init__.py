"""Floor 2: who may do what. Synchronous functions over a transaction; no engine, no HTTP."""
