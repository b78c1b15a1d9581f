"""Every definition of the corpus is saved, with a warning where its secret does not exist, or refused by the operator's name."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.corpus.conftest import Office
from tests.corpus.expectations import BY_FILE, NoDefinition, Refused, Saved

pytestmark = pytest.mark.corpus
POST_OFFICE = {"conductor-examples/postage_rate", "conductor-examples/check_address"}
"""Saved, run and compared in test_post_office.py."""
NOT_KEPT = {"createTime", "updateTime", "onStateChange"}
"""Times are set by the server; `onStateChange` of a whole workflow (empty in the one file that has it) is no field of upstream's."""


def named(kind: type[Saved | Refused | NoDefinition]) -> list[str]:
    return [file for file, expected in BY_FILE.items() if isinstance(expected, kind)]


def put(office: Office, corpus: Path, file: str) -> tuple[Any, dict[str, Any]]:
    """(the answer to saving the file's own bytes, the file's JSON)."""
    data = (corpus / "definitions" / f"{file}.json").read_bytes()
    answer = office.api.raw("PUT", "/api/metadata/workflow", b"[" + data + b"]", headers={"Content-Type": "application/json"})
    return answer, json.loads(data)


def shown(office: Office, definition: dict[str, Any]) -> Any:
    return office.api.call("GET", f"/api/metadata/workflow/{quote(definition['name'], safe='')}?version={definition.get('version', 1)}")


def test_every_file_has_an_expectation(corpus: Path) -> None:
    found = {str(path.relative_to(corpus / "definitions").with_suffix("")) for path in (corpus / "definitions").rglob("*.json")}
    assert found == BY_FILE.keys() | POST_OFFICE


@pytest.mark.parametrize("file", named(Saved))
def test_it_is_saved_and_read_back_with_references(sqlite_office: Office, corpus: Path, file: str) -> None:
    answer, definition = put(sqlite_office, corpus, file)
    assert answer.status_code == 200, answer.text
    expected = BY_FILE[file]
    assert isinstance(expected, Saved)
    warnings = answer.headers.get_list("warning")
    assert len(warnings) == len(expected.missing)
    assert all(f"names the secret {secret}, which does not exist" in text for secret, text in zip(expected.missing, warnings, strict=True))
    back = shown(sqlite_office, definition)
    assert not lost(definition, back)
    assert "#{stagedoor:" not in json.dumps(back)
    assert all(f"${{workflow.secrets.{secret}}}" in json.dumps(back) for secret in expected.missing)


@pytest.mark.parametrize("file", named(Refused))
def test_it_is_refused_by_the_name_of_the_operator(sqlite_office: Office, corpus: Path, file: str) -> None:
    answer, definition = put(sqlite_office, corpus, file)
    expected = BY_FILE[file]
    assert isinstance(expected, Refused)
    assert answer.status_code == 400
    assert f"task '{expected.task}' has the type {expected.operator}, which this engine does not run" in answer.json()["message"]
    assert sqlite_office.api.raw("GET", f"/api/metadata/workflow/{quote(definition['name'], safe='')}").status_code == 404


@pytest.mark.parametrize("file", named(NoDefinition))
def test_what_is_no_definition_is_not_taken_for_one(sqlite_office: Office, corpus: Path, file: str) -> None:
    answer, _ = put(sqlite_office, corpus, file)
    assert answer.status_code == 400
    assert "required" in answer.json()["message"]


def lost(given: Any, back: Any, place: str = "") -> list[str]:
    """The places of `given` that are not the same in `back`. A null and an absent field are one; `back` may hold defaults besides."""
    if isinstance(given, dict) and isinstance(back, dict):
        kept = {key: member for key, member in given.items() if member is not None and key not in NOT_KEPT}
        return [one for key, member in kept.items() for one in lost(member, back.get(key), f"{place}/{key}")]
    if isinstance(given, list) and isinstance(back, list) and len(given) == len(back):
        return [one for index, member in enumerate(given) for one in lost(member, back[index], f"{place}/{index}")]
    return [] if given == back else [f"{place}: {str(given)[:60]} became {str(back)[:60]}"]
