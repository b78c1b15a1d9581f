"""`stagedoor scan` finds keys in files, folders, git history, logs and the store itself, says which are live, and shows none."""

import contextlib
import gzip
import hashlib
import json
import os
import pty
import subprocess
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from stagedoor.cli import app
from stagedoor.kit.keyformat import API_KEY, PUBLISHABLE_KEY
from tests.support.server import COMMAND, Api, LiveServer, live_server

pytestmark = pytest.mark.slow


def scan(*given: str | Path) -> tuple[int, list[dict[str, Any]], str]:
    """(exit code, findings, all that was printed)."""
    done = CliRunner().invoke(app, ["scan", *map(str, given), "--json"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    found = json.loads(done.stdout)["findings"] if done.stdout else []
    return done.exit_code, found, done.output


@dataclass
class Town:
    server: LiveServer
    admin: Api

    def key(self) -> tuple[str, dict[str, str]]:
        return self.admin.application("scanned")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with live_server(tmp_path_factory.mktemp("scan")) as server:
        yield Town(server, server.admin())


def git(folder: Path, *words: str) -> None:
    given = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *given, "-C", str(folder), *words], check=True, capture_output=True)


def test_keys_are_found_in_text_and_binary_files_and_packed_logs(tmp_path: Path) -> None:
    keys = [API_KEY.new() for _ in range(5)]
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "a.txt").write_text(f"one\ntwo\nKEY={keys[0]}\n")
    (tmp_path / "deep" / "b.bin").write_bytes(os.urandom(3_000_000) + keys[1].encode() + os.urandom(3_000_000))
    (tmp_path / "deep" / "er" / "c.log.gz").write_bytes(gzip.compress(b"line\n" * 100_000 + keys[2].encode()))
    (tmp_path / "d.yaml").write_bytes(b"data:\n  key: " + b64encode(keys[3].encode()) + b"\n")
    (tmp_path / "e.txt").write_bytes(f"\r\n{keys[4]}".encode("utf-16"))
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    code, found, printed = scan(tmp_path)
    assert code == 1
    assert {(Path(one["place"]).name, one["mask"]) for one in found} == {
        (name, API_KEY.mask(key)) for name, key in zip(("a.txt", "b.bin", "c.log.gz", "d.yaml", "e.txt"), keys, strict=True)
    }
    lines = {Path(one["place"]).name: one["line"] for one in found}
    assert (lines["a.txt"], lines["c.log.gz"], lines["d.yaml"]) == (3, 100_001, 2)
    assert not [key for key in keys if key in printed]


def test_what_only_looks_like_a_key_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"orch_{'0' * 40} sds_{'ab' * 28} orch_short {PUBLISHABLE_KEY.new()[:-1]}\neyJhbGciOiJub25lIn0.e30.\n")
    assert scan(tmp_path)[:2] == (0, [])
    (tmp_path / "b.txt").write_text(PUBLISHABLE_KEY.new())  # everybody may see it
    code, found, _ = scan(tmp_path)
    assert (code, [one["state"] for one in found]) == (0, ["PUBLIC"])


def test_a_key_is_found_in_the_history_of_a_repository_with_its_commit_and_path(tmp_path: Path) -> None:
    key = API_KEY.new()
    git(tmp_path, "init")
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "app.ini").write_text(f"[api]\nkey = {key}\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    (tmp_path / "conf" / "app.ini").write_text("[api]\n")
    git(tmp_path, "commit", "-am", "without it")
    code, found, printed = scan(tmp_path)
    assert code == 1 and key not in printed
    assert [(one["place"].partition("@")[2].partition(":")[2], one["line"]) for one in found] == [("conf/app.ini", 2)]
    assert scan(tmp_path, "--no-history")[:2] == (0, [])
    git(tmp_path, "commit", "--amend", "-m", f"with {key}")
    git(tmp_path, "commit", "--amend", "-m", "without")
    git(tmp_path, "gc", "-q")
    assert any(" commit " in one["place"] for one in scan(tmp_path)[1]), "a commit that no branch reaches"


def test_a_repository_of_somebody_else_has_nothing_run(tmp_path: Path) -> None:
    """A commit with a signature, and a configuration that names the program to check it, and one for the state of files."""
    program, ran = tmp_path / "program", tmp_path / "it-ran"
    program.write_text(f"#!/bin/sh\ntouch {ran}\n")
    program.chmod(0o755)
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init")
    (folder / "a").write_text(API_KEY.new())
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    text = subprocess.run(["git", "-C", str(folder), "cat-file", "commit", "HEAD"], capture_output=True, check=True).stdout
    head, _, message = text.partition(b"\n\n")
    signed = head + b"\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----\n\n" + message
    written = ["git", "-C", str(folder), "hash-object", "-t", "commit", "-w", "--stdin"]
    commit = subprocess.run(written, input=signed, capture_output=True, check=True).stdout.decode().strip()
    git(folder, "update-ref", "refs/heads/main", commit)
    for name, value in (("log.showSignature", "true"), ("gpg.program", str(program)), ("core.fsmonitor", str(program))):
        git(folder, "config", name, value)
    assert {one["place"].partition("@")[2] for one in scan(folder)[1]} == {"", f"{commit[:12]}:a"}
    assert not ran.exists()
    subprocess.run(["git", "-C", str(folder), "log", "-1"], capture_output=True, check=False)
    assert ran.exists(), "the same without our settings"


def test_with_a_store_it_says_which_are_live_whose_they_are_and_pauses_them(town: Town, tmp_path: Path) -> None:
    (application, key), (other, paused) = town.key(), town.key()
    town.admin.call("POST", f"/api/applications/{other}/accessKeys/{paused['id']}/status")
    token = town.server.token(key["id"], key["secret"])
    (tmp_path / "a.txt").write_text(f"{key['secret']}\n{paused['secret']}\n{API_KEY.new()}\n{token}\n")
    code, found, printed = scan(tmp_path, "--data", town.server.data)
    assert code == 1 and not [one for one in (key["secret"], paused["secret"], token) if one in printed]
    assert [(one["kind"], one["state"], one.get("owner")) for one in found] == [
        ("access_key", "LIVE", f"app:{application}"), ("access_key", "PAUSED", f"app:{other}"), ("api_key", "UNKNOWN", None),
        ("access_token", "LIVE", f"app:{application}"),
    ]  # fmt: skip
    assert found[0]["credentialId"] == key["id"]
    assert scan(tmp_path, "--data", town.server.data, "--pause")[0] == 1
    assert town.server.api(token).raw("GET", "/api/secrets").status_code == 401
    states = [one["state"] for one in scan(tmp_path, "--data", town.server.data)[1]]
    assert states == ["PAUSED", "PAUSED", "UNKNOWN", "PAUSED"]
    assert scan(tmp_path, "--data", town.server.data, "--only-live")[0] == 0
    (leak,) = [one for one in town.admin.call("GET", "/api/leaks") if one["credentialId"] == key["id"] and one["kind"] == "access_key"]
    assert leak["reportedBy"] == "stagedoor scan" and leak["url"].endswith("a.txt:1")


def test_with_the_store_itself_definitions_executions_logs_and_variables_are_looked_at(town: Town) -> None:
    keys = [API_KEY.new() for _ in range(6)]
    node = {"name": "t", "taskReferenceName": "one", "type": "SIMPLE", "inputParameters": {"headers": [{"a/b": keys[0]}]}}
    town.admin.save({"name": "flow", "version": 1, "tasks": [node], "ownerEmail": "a@example.com"})
    town.admin.call("PUT", "/api/environment/PLACE", keys[1].encode(), headers={"Content-Type": "text/plain"})
    run = town.admin.start("flow", {"given": keys[2]})
    (leased,) = town.admin.poll("t")
    town.admin.call("POST", f"/api/tasks/{leased['taskId']}/log", f"used {keys[3]}".encode())
    town.admin.complete(leased, {"got": keys[4]})
    assert town.admin.ended(run)["status"] == "COMPLETED"
    _, found, printed = scan("--store", "--data", town.server.data)
    places: dict[str, list[str]] = {one["mask"]: [] for one in found}
    for one in found:
        places[one["mask"]].append(one["place"])
    task = f"execution {run} task one"
    wanted = ("/tasks/0/", "environment variable PLACE", f"execution {run} input", f"{task} log", task)
    for key, place in zip(keys, wanted, strict=False):
        assert any(place in one for one in places[API_KEY.mask(key)]), (place, places)
    assert any("/headers/0/a~1b" in one for one in places[API_KEY.mask(keys[0])])
    assert not [key for key in keys if key in printed]


@pytest.mark.parametrize("exp", ["x", [1], None])
def test_a_token_that_somebody_made_up_does_not_stop_the_scan(tmp_path: Path, exp: object) -> None:
    parts = ({"alg": "ES256", "typ": "at+jwt"}, {"client_id": "c", "jti": "j", "exp": exp, "project": "p"})
    made_up = ".".join(urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    key = API_KEY.new()
    (tmp_path / "a.txt").write_text(f"{made_up}.{'A' * 86}\n{key}\n")
    code, found, _ = scan(tmp_path)
    assert code == 1 and {one["kind"] for one in found} == {"access_token", "api_key"}


@pytest.mark.timeout(60)
def test_a_repository_with_many_broken_objects_is_looked_at_to_its_end_and_told(tmp_path: Path) -> None:
    """More errors than a pipe holds."""
    git(tmp_path, "init", "-q")
    for number in range(1500):
        name = hashlib.sha1(str(number).encode()).hexdigest()
        (tmp_path / ".git" / "objects" / name[:2]).mkdir(exist_ok=True)
        (tmp_path / ".git" / "objects" / name[:2] / name[2:]).write_bytes(b"no object")
    code, _, told = scan(tmp_path)
    assert code == 2 and "its history was not looked at in full" in told


def test_names_of_files_write_nothing_of_their_own_to_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "\x1b]0;OWNED\x1b\\").write_bytes(b"nothing")
    (ours, theirs), environment = pty.openpty(), {**os.environ, "TERM": "xterm", "COLUMNS": "200"}
    with subprocess.Popen([*COMMAND, "scan", str(tmp_path)], stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b"".join(_all_of(ours))
    assert process.returncode == 0 and b"OWNED" in shown and b"\x1b]0;" not in shown


def _all_of(terminal: int) -> Iterator[bytes]:
    with contextlib.suppress(OSError):  # the other end is closed
        while piece := os.read(terminal, 65536):
            yield piece


def test_what_cannot_be_looked_at_is_told(tmp_path: Path) -> None:
    code, _, printed = scan(tmp_path / "nothing")
    assert code == 2 and "No such file" in printed
    (tmp_path / "broken.gz").write_bytes(b"\x1f\x8b broken")
    assert scan(tmp_path)[0] == 2
    assert "--data" in scan(tmp_path, "--pause")[2]


def test_for_people_each_finding_is_a_line_that_names_the_place(tmp_path: Path) -> None:
    key = API_KEY.new()
    (tmp_path / "a[red].txt").write_text(f"\n{key}")
    done = subprocess.run([*COMMAND, "scan", "-", str(tmp_path)], capture_output=True, text=True, check=False, input=f"a log: {key}")
    assert done.returncode == 1
    told = f"api_key {API_KEY.mask(key)} its checksum is right\n"
    assert done.stdout == f"-:1: {told}{tmp_path}/a[red].txt:2: {told}"
    assert done.stderr == "2 found in 2 places\n"
