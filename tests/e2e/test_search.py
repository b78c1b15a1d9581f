"""The search of the third story finds a value in every form it claims to know."""

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest

from stagedoor.demo.search import files_of, places

VALUE = 'user "Ä" & 7/11+?'
BASE64 = [base64.b64encode(b"x" * start + VALUE.encode() + b"tail") for start in range(3)]
WRITTEN = [
    VALUE.encode(), json.dumps({"a": VALUE}).encode(), quote(VALUE, safe="").encode(), VALUE.encode().hex().encode(),
    VALUE.encode().hex().upper().encode(), VALUE.encode("utf-16-le"),
    *BASE64, *(base64.urlsafe_b64encode(base64.b64decode(one)) for one in BASE64),
]  # fmt: skip


@pytest.mark.parametrize("written", WRITTEN)
def test_a_value_is_found_in_every_form(written: bytes) -> None:
    assert places(VALUE, {"somewhere": b"before " + written + b" after"})


def test_nothing_is_found_where_nothing_is() -> None:
    assert not places(VALUE, {"a": b"user A & 7/11", "b": b"", "c": base64.b64encode(b"somebody else")})


def test_files_below_a_folder_are_searched(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "stagedoor.db-wal").write_bytes(b"\x00" + VALUE.encode())
    assert places(VALUE, files_of(tmp_path)) == ["stagedoor.db-wal (plain)"]
