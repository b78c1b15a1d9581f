"""`stagedoor trust test`, the real command on the store of a running server; it asks the issuer itself."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from stagedoor.cli import app
from tests.oauth.conftest import Trusting
from tests.oauth.oauth import EXCHANGE, ID_TOKEN
from tests.support.issuer import GITHUB, GITLAB, github, gitlab

pytestmark = pytest.mark.slow


def run(trusting: Trusting, *words: str, given: str | None = None) -> Result:
    where = ["--data", str(trusting.client.server.data)]
    return CliRunner().invoke(
        app, ["trust", "test", trusting.client.application, *words, *where], input=given, env=dict(trusting.issuers.environment)
    )


def found(done: Result) -> Any:
    return json.loads(done.stdout)


def test_it_says_which_trust_takes_a_token_and_uses_nothing_up(trusting: Trusting, tmp_path: Path) -> None:
    wanted = trusting.trust(GITHUB, {"repository_id": "74"}, name="by id")
    other = trusting.trust(GITHUB, {"repository": "octo-org/octo-repo", "ref": "refs/heads/release/*"}, name="releases")
    token, file = trusting.issuer(GITHUB).token(github()), tmp_path / "token"
    file.write_text(token + "\n")
    for words, given in ((["--token", str(file)], None), (["--token", "-"], token)):
        done = run(trusting, *words, "--json", given=given)
        assert done.exit_code == 0, done.output
        assert found(done)["verified"] and {one["id"]: one["matches"] for one in found(done)["trusts"]} == {wanted: True, other: False}
        assert token not in done.output and token.split(".")[-1] not in done.output
    drawn = run(trusting, "--token", str(file))
    assert drawn.exit_code == 0 and "by id takes it" in drawn.stdout and "releases does not take it" in drawn.stdout
    assert "refs/heads/release/*" in drawn.stdout and "refs/heads/main" in drawn.stdout
    body = {"grant_type": EXCHANGE, "client_id": trusting.client.application, "subject_token": token, "subject_token_type": ID_TOKEN}
    assert trusting.client.send("token", body, auth=None).status_code == 200


def test_it_says_why_no_trust_takes_a_token(trusting: Trusting, tmp_path: Path) -> None:
    trust = trusting.trust(GITHUB, {"repository_id": "74"}, name="by id")
    good, file = trusting.issuer(GITHUB).token(github()), tmp_path / "token"
    for token, says in (
        (trusting.issuer(GITHUB).token(github(repository_id="75")), "75"),
        (trusting.issuer(GITLAB).token(github(iss=GITHUB)), "signature"),
        (trusting.issuer(GITLAB).token(gitlab()), "names its issuer"),
        ("nonsense", "not a JWT"),
    ):
        file.write_text(token)
        done = run(trusting, "--token", str(file))
        assert done.exit_code == 1 and says in done.stdout, (says, done.output)
    file.write_text(good)
    assert run(trusting, "--token", str(file)).exit_code == 0
    trusting.trusts("POST", None, f"/{trust}/status")
    paused = run(trusting, "--token", str(file))
    assert paused.exit_code == 1 and "by id is paused, and would take it" in paused.stdout


def test_claims_alone_are_judged_and_never_taken_for_a_token(trusting: Trusting, tmp_path: Path) -> None:
    trusting.trust(GITHUB, {"repository_id": "74"}, name="by id")
    file, claims = tmp_path / "claims.json", github(iss=GITHUB)
    file.write_text(json.dumps(claims))
    done = run(trusting, "--claims", str(file), "--json")
    assert done.exit_code == 0 and not found(done)["verified"] and found(done)["trusts"][0]["matches"]
    assert "no signature was looked at" in found(done)["problem"]
    wrong = run(trusting, "--claims", "-", given=json.dumps(claims | {"aud": "https://elsewhere.example.com"}))
    assert wrong.exit_code == 1 and "elsewhere" in wrong.stdout


def test_what_cannot_be_read_is_said(trusting: Trusting, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_text("x" * 70_000)
    for words, says in (
        ([], "by --token"),
        (["--token", str(large), "--claims", str(large)], "by --token"),
        (["--token", str(tmp_path / "none")], "No such file"),
        (["--token", str(large)], "more than"),
        (["--claims", str(large), "--project", "default"], "more than"),
    ):
        done = run(trusting, *words)
        assert done.exit_code == 1 and says in done.stderr, (says, done.output)
    unknown = CliRunner().invoke(app, ["trust", "test", "none", "--claims", "-", "--data", str(trusting.client.server.data)], input="{}")
    assert unknown.exit_code == 1 and "none" in unknown.stderr
