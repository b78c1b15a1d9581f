"""`/oauth`: tokens for credentials and for tokens (RFC 6749, 7523, 8693), what they are worth (RFC 7662), their end (RFC 7009), the
discovery document (RFC 8414), and the trusts of applications. docs/decisions/0035-tokens-and-trusts.md."""
