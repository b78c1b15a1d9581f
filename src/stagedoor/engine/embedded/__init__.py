"""The engine inside: a pure `decide`, and rows, a queue and a clockwork around it. Semantics: contract/conductor-oss.md 3."""
