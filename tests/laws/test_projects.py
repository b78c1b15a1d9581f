"""No query can leave a project: each statement binds the project of every tenants' table that it touches, or stands here with its reason.

The reason is always the same in kind: the row is named by an id that cannot be guessed, and whoever asks compares the row's project.
"""

import re
import sqlite3
from collections.abc import Iterator

import pytest

from stagedoor.store import Schema
from stagedoor.store.migrate import listed, statements
from stagedoor.store.statements import HOME, load

BY_ID = "the engine's own id; who asks compares the run's project (embedded/engine.py, embedded/queue.py)"
ENGINE = "by the id of a run that the engine has loaded and locked"
REVISION = "by the id of a revision that was found in the project"
PERSON = "by a person, who is no project's: what a person sees of its own"
EXCEPT: dict[str, str] = {
    "audit_locked": "by the digest of a refusal, the project among what is digested (core/audit.py)",
    "audit_count": "the same row, locked before",
    "credential_by_id": "a random id; it tells the project, and who asks within one compares it (core/credential.py)",
    "credential_by_digest": "by the digest of a random secret; it tells the project (core/credential.py)",
    "console_session_by_digest": "by the digest of a random cookie; its row, which has a MAC, tells the project (core/console_session.py)",
    "credentials_with_digest": "the same: whether any project has a key of this hash (core/project_key.py)",
    "auth_session_by_digest": "by the digest of a random secret, the row's project under its MAC (core/auth_session.py)",
    "project_signing_keys_drop_unused": "whether any project's secret key names a signing key, which all projects share",
    "projects_without_publishable_key": "once at start: each gets its own (core/earlier.py)",
    "credentials_without_mac": "of an earlier version, once at start: each gets its MAC (core/credential.py)",
    "visit_by_digest": "by the digest of a random cookie; its row, which has a MAC, tells the project (core/visit.py)",
    "trusts_by_application": "by an application's random id, which whoever has an issuer's token names; the rows tell the project",
    "data_keys_by_master": "a rotation of the master key serves every project (core/rotation.py)",
    "data_keys_after": "the same, when all is opened once more at its end",
    "keys_left_by_master": "the same: numbers only",
    "epoch_all": "numbers only: every node follows all of them",
    "epochs_named": "numbers only, of names that hold the project's id (gate/rights.py)",
    "markers_of_revision": REVISION,
    "markers_of_task": REVISION,
    "revision_drop_unused": REVISION,
    "revisions_of_name": "runs by the id of a revision of the project",
    "run_by_id": BY_ID,
    "run_locked": BY_ID,
    "run_locked_now": BY_ID,
    "run_put": ENGINE,
    "run_check_at": ENGINE,
    "run_remove": ENGINE,
    "idempotency_remove": ENGINE,
    "run_due": "the clockwork serves every project: ids and times only",
    "accounts_of_person": PERSON,
    "projects_of_person": PERSON,
    "projects_entered": "by an operator, to close what it has entered (core/operator.py)",
}
WORDS = {"WHERE", "SET", "ON", "JOIN", "CROSS", "LEFT", "ORDER", "GROUP", "LIMIT", "UNION", "VALUES", "SELECT", "AND", "USING"}
_MENTION = re.compile(r"\b(?:FROM|JOIN|UPDATE|INTO)\s+(\w+)(?:\s+(?:AS\s+)?(\w+))?", re.IGNORECASE)
_BLOCK = re.compile(r"\b(?=SELECT\b|INSERT\b|(?<!DO )UPDATE\b|DELETE\b)", re.IGNORECASE)


def tenants_tables() -> set[str]:
    """Every table with a column `project_id`, of the real schema."""
    connection = sqlite3.connect(":memory:")
    for path in (HOME / "migrations" / "0000_store.sql", *(path for _, path in sorted(listed(Schema()).items()))):
        for sql in statements(path, "sqlite"):
            connection.execute(sql)
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {name for name in names if "project_id" in {row[1] for row in connection.execute(f"PRAGMA table_info({name})")}}
    connection.close()
    return found


def unbound(sql: str, tables: set[str]) -> Iterator[str]:
    """The tables that are touched somewhere without their project being bound to the parameter, or to a table that is."""
    for block in filter(str.strip, _BLOCK.split(sql)):
        bound, mentions = set[str](), list[tuple[str, str]]()
        for table, alias in _MENTION.findall(block):
            name = alias if alias and alias.upper() not in WORDS else table
            if table in tables:
                mentions.append((table, name))
        if block.upper().startswith("INSERT"):
            bound |= {name for _, name in mentions if re.search(r"\bproject_id\b.*VALUES.*:project_id\b", block, re.DOTALL)}
        plain = re.search(r"(?<![.\w])project_id = :project_id\b", block)
        for _, name in mentions:
            if re.search(rf"\b{name}\.project_id = :project_id\b", block) or (plain and len(mentions) == 1):
                bound.add(name)
        pairs = re.findall(r"\b(\w+)\.project_id = (\w+)\.project_id\b", sql)
        everywhere = set(re.findall(r"\b(\w+)\.project_id = :project_id\b", sql)) | bound
        for _ in pairs:
            everywhere |= {one for pair in pairs for one in pair if everywhere.intersection(pair)}
        yield from (table for table, name in mentions if name not in everywhere)


def offenders() -> dict[str, list[str]]:
    tables = tenants_tables()
    found = {name: sorted(set(unbound(each.sql, tables))) for name, each in load(Schema(), "sqlite").items()}
    return {name: missing for name, missing in found.items() if missing}


def test_every_statement_binds_its_project_or_has_its_reason_here() -> None:
    assert {name: tables for name, tables in offenders().items() if name not in EXCEPT} == {}


def test_no_exception_outlives_its_statement() -> None:
    assert sorted(EXCEPT.keys() - offenders().keys()) == []


def test_the_schema_is_read() -> None:
    assert {"account", "secret", "run", "credential", "audit", "access_grant"} <= tenants_tables()


@pytest.mark.parametrize(
    ("sql", "missing"),
    [
        ("SELECT a FROM secret WHERE name = :name", ["secret"]),
        ("SELECT a FROM secret WHERE project_id = :project_id AND name = :name", []),
        ("SELECT a FROM secret WHERE project_id = :other", ["secret"]),
        ("INSERT INTO secret (project_id, name) VALUES (:project_id, :name)", []),
        ("INSERT INTO secret (name) VALUES (:name)", ["secret"]),
        ("UPDATE secret SET a = :project_id WHERE name = :name", ["secret"]),
        ("DELETE FROM secret WHERE project_id = :project_id", []),
        ("SELECT 1 FROM secret s JOIN run r ON r.project_id = s.project_id WHERE s.project_id = :project_id", []),
        ("SELECT 1 FROM secret s JOIN run r ON r.id = s.id WHERE s.project_id = :project_id", ["run"]),
        ("SELECT 1 FROM secret WHERE project_id = :project_id UNION ALL SELECT 2 FROM run WHERE id = :id", ["run"]),
        ("SELECT 1 FROM run r WHERE r.project_id = :project_id AND EXISTS (SELECT 1 FROM secret WHERE name = r.name)", ["secret"]),
        ("SELECT 1 FROM other WHERE id = :id", []),
    ],
)
def test_the_law_sees_a_break(sql: str, missing: list[str]) -> None:
    assert list(unbound(sql, {"secret", "run"})) == missing
