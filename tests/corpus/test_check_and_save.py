"""`stagedoor check` over the whole corpus says of each file what saving it answers."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from typer.testing import CliRunner

from stagedoor.cli import app
from tests.corpus.conftest import Office
from tests.corpus.expectations import BY_FILE, NoDefinition, Refused

pytestmark = pytest.mark.corpus


@pytest.fixture(scope="module")
def documents(sqlite_office: Office, corpus: Path) -> dict[str, dict[str, Any]]:
    folder = corpus / "definitions"
    done = CliRunner().invoke(app, ["check", str(folder), "--data", str(sqlite_office.server.data), "--as", "admin@example.com", "--json"])
    assert done.exit_code == 1, done.output
    return {str(Path(one["file"]).relative_to(folder).with_suffix("")): one for one in json.loads(done.stdout)["documents"]}


def test_it_looks_at_every_file(documents: dict[str, dict[str, Any]]) -> None:
    assert BY_FILE.keys() <= documents.keys() and len(documents) == len(BY_FILE) + 2


@pytest.mark.parametrize("file", BY_FILE)
def test_its_verdict_is_what_saving_says(sqlite_office: Office, corpus: Path, documents: dict[str, dict[str, Any]], file: str) -> None:
    data, told = (corpus / "definitions" / f"{file}.json").read_bytes(), documents[file]
    answer = sqlite_office.api.raw("POST", "/api/metadata/workflow?overwrite=true", data, headers={"Content-Type": "application/json"})
    refusals = [one["reason"] for one in told["findings"] if one["severity"] == "refusal"]
    if answer.status_code == 200:  # and away again: test_definitions.py saves it for the first time
        sqlite_office.api.call("DELETE", f"/api/metadata/workflow/{quote(told['name'], safe='')}/{told['version']}")
        warned = [one["reason"] for one in told["findings"] if one["severity"] == "warning"]
        texts = [text.removeprefix('299 stagedoor "')[:-1] for text in answer.headers.get_list("warning")]
        assert (told["verdict"], refusals) == ("saved", []) and set(texts) <= set(warned)
    elif isinstance(BY_FILE[file], NoDefinition):
        assert told["verdict"] == "skipped" and answer.status_code == 400
    else:
        assert isinstance(BY_FILE[file], Refused) and answer.json()["message"] in refusals
