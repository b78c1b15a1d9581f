"""The dialect under `/v1`: end users and auth sessions for who shows a project's secret key (contract/project-keys.md)."""
