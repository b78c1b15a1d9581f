"""The tests' own PostgreSQL: left out only where it may be."""

import pytest

from tests.support import postgres


def test_without_postgres_its_tests_are_skipped_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "binaries", lambda: None)
    monkeypatch.delenv("STAGEDOOR_REQUIRE_POSTGRES", raising=False)
    with pytest.raises(pytest.skip.Exception, match="not installed"), postgres.private_cluster():
        pass


def test_where_it_is_required_its_absence_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "binaries", lambda: None)
    monkeypatch.setenv("STAGEDOOR_REQUIRE_POSTGRES", "1")
    with pytest.raises(pytest.fail.Exception, match="not installed"), postgres.private_cluster():
        pass
