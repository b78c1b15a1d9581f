"""Whatever way a request fails, no byte of the secret in it is in a reason, an output, a log, the audit or the store (promise 7)."""

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from stagedoor.gate import egress, outbound
from stagedoor.gate.redaction import Redactor
from tests.api.authorization.world import new
from tests.gate.egress.conftest import Targets
from tests.gate.egress.ways import OTHERS, WAYS
from tests.support.server import Api, LiveServer
from tests.support.thread import thread_server

pytestmark = [pytest.mark.slow, pytest.mark.promise(7)]

PLACES: dict[str, dict[str, Any]] = {
    "path": {"uri": "BASE/KEY/x"},
    "query": {"uri": "BASE/?a=1&key=KEY"},
    "header": {"uri": "BASE/", "headers": {"X-Key": "Bearer KEY"}},
    "body": {"uri": "BASE/", "body": {"key": "KEY"}},
}
LONG_MS = 60_000
PATIENCE_MS = {"silent": 2_000}
"""Only where nothing comes a limit on time decides; all other ways have all the time that there is, on a machine however slow."""
BROKEN_REQUESTS: dict[str, tuple[dict[str, Any], str]] = {  # with a value of two lines
    "a line break in a header": ({"headers": {"X-Key": "KEY"}}, "headers: the value of X-Key holds a line break"),
    "as all headers": ({"headers": "KEY"}, "http_request.headers: it is not an object"),
    "as a header of a list": ({"headers": {"X-Key": ["a", "KEY"]}}, "headers: the value of X-Key holds a line break"),
    "as the method": ({"method": "KEY"}, "http_request.method: "),
    "as a time": ({"readTimeOut": "KEY"}, "http_request.readTimeOut: "),
    "as the whole address": ({"uri": "KEY"}, "http_request.uri: it is not an absolute"),
    "as the host": ({"uri": "http://KEY/"}, "uri: the host or port is not valid"),
    "as the port": ({"uri": "http://127.0.0.1:KEY/"}, "uri: the host or port is not valid"),
    "as a type": ({"contentType": "KEY"}, "headers: the value of Content-Type holds a line break"),
}


@dataclass
class Scene:
    server: LiveServer
    bases: dict[str, str]
    value: str = field(default_factory=lambda: f"Kept-{new('Value')}-Zz9")
    secret: str = field(default_factory=lambda: new("secret"))
    runs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.admin: Api = self.server.admin()
        self.admin.put_secret(self.secret, self.value)

    def start(self, way: str, request: dict[str, Any]) -> str:
        text = {"method": "POST", "readTimeOut": PATIENCE_MS.get(way, LONG_MS), "connectionTimeOut": LONG_MS, "uri": "BASE/", **request}
        made = _replaced(text, {"KEY": f"${{workflow.secrets.{self.secret}}}", "BASE": self.bases.get(way, way)})
        name, task = new("w"), {"name": "call", "taskReferenceName": "call", "type": "HTTP", "inputParameters": {"http_request": made}}
        self.admin.save({"name": name, "version": 1, "tasks": [task]})
        self.runs.append(self.admin.start(name))
        return self.runs[-1]

    def reason(self, run: str) -> str:
        ended = self.admin.ended(run, 120)
        assert ended["status"] == "FAILED"
        return str(ended["tasks"][0]["reasonForIncompletion"])

    def everywhere(self) -> bytes:
        """All that is read of these runs, the store and the server's log."""
        found = []
        for run in self.runs:
            tasks = self.admin.run(run)["tasks"]
            paths = [f"/api/workflow/{run}", f"/api/workflow/search?query=workflowId={run}"]
            paths += [f"/api/tasks/{task['taskId']}" for task in tasks]
            found += [self.admin.raw("GET", path).content for path in paths]
        files = [path.read_bytes() for path in self.server.data.glob("stagedoor.db*")]
        return b"\n".join([*found, *files, self.server.log.read_bytes()])

    def spellings(self) -> list[bytes]:
        plain = self.value.encode()
        return [plain, plain.lower(), base64.b64encode(plain)[:-4], plain.hex().encode(), quote(plain, safe="").encode()]


def _replaced(value: Any, words: dict[str, str]) -> Any:
    if isinstance(value, str):
        for word, text in words.items():
            value = value.replace(word, text)
        return value
    if isinstance(value, list):
        return [_replaced(one, words) for one in value]
    return {key: _replaced(one, words) for key, one in value.items()} if isinstance(value, dict) else value


@pytest.fixture
def scene(egress_server: LiveServer, targets: Targets) -> Scene:
    return Scene(egress_server, targets.bases)


@pytest.mark.parametrize("place", PLACES)
def test_no_failure_shows_a_value_from_where_it_stands(place: str, scene: Scene) -> None:
    """End to end, for each way a request can fail."""
    runs = {way: scene.start(way, PLACES[place]) for way in (*WAYS, *OTHERS)}
    for way, run in runs.items():
        expected = OTHERS[way][1] if way in OTHERS else WAYS[way][1]
        assert expected in scene.reason(run), (way, scene.reason(run))
    stored = scene.everywhere()
    assert [spelling for spelling in scene.spellings() if spelling in stored] == []


@pytest.mark.parametrize("way", BROKEN_REQUESTS)
def test_a_request_that_cannot_be_made_is_refused_without_showing_why_in_full(way: str, scene: Scene) -> None:
    other = Scene(scene.server, scene.bases, value=f"Kept-{new('First')}\r\nX-Evil: {new('Second')}")
    request, expected = BROKEN_REQUESTS[way]
    assert scene_reason(other, request).startswith(expected)
    stored = other.everywhere()
    assert [half for half in other.value.split("\r\nX-Evil: ") if half.encode() in stored or half.lower().encode() in stored] == []


def test_names_of_headers_that_are_a_part_of_a_secret_are_not_shown(scene: Scene) -> None:
    name = f"X-{new('Name')}"
    other = Scene(scene.server, scene.bases, value=json.dumps({"h": {name: "two\nlines"}}))
    run = other.start("echo", {"headers": f"${{workflow.secrets.{other.secret}.h}}"})
    assert other.reason(run) == "headers: one of them cannot be sent"
    assert name.encode() not in other.everywhere()


def scene_reason(scene: Scene, request: dict[str, Any]) -> str:
    return scene.reason(scene.start("echo", request))


@pytest.mark.parametrize("uri", ["http://KEY.invalid/", "https://KEY.invalid:8443/x", "http://a.KEY/"])
def test_a_host_made_of_a_secret_is_not_named_even_where_it_is_on_the_list(uri: str, scene: Scene) -> None:
    """Lower case, and so no longer what the redaction looks for."""
    other = Scene(scene.server, scene.bases, value=f"Kept{new('Host')}Zz9".replace("_", "-"))
    host = uri.split("/")[2].replace("KEY", other.value.lower())
    other.admin.call("PUT", f"/api/secrets/{other.secret}/policy", {"hosts": [host, f"{host}:80"]})
    assert scene_reason(other, {"uri": uri}) == "Failed to invoke HTTP task due to: the host (made from data): the name cannot be resolved"
    # The list names it, for those who may read the secret; no run, log or message does.
    shown = b"".join(other.admin.raw("GET", f"/api/workflow/{run}").content for run in other.runs) + other.server.log.read_bytes()
    assert other.value.lower().encode() not in shown.lower()


# --- the same with the protections taken away --------------------------------------------------------------------------------------


def unredacted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Redactor, "clean", lambda self, value: value)


def talkative(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages from errors as the library words them, in place of those of the template."""
    monkeypatch.setattr(outbound, "_kind", lambda error, limits: str(error))


@pytest.mark.parametrize(("without", "shows"), [("redaction", {"echo"}), ("the rule", set()), ("both", {"echo", "not HTTP"})])
def test_with_the_protections_removed_the_value_shows(
    without: str, shows: set[str], tmp_path: Path, targets: Targets, monkeypatch: pytest.MonkeyPatch
) -> None:
    if without != "the rule":
        unredacted(monkeypatch)
    if without != "redaction":
        talkative(monkeypatch)
    with thread_server(tmp_path, **targets.environment) as server:
        scene = Scene(server, targets.bases)
        runs = {way: scene.start(way, PLACES["path"]) for way in ("echo", "not HTTP", "closed", "refused")}
        reasons = {way: scene.reason(run) for way, run in runs.items()}
    assert {way for way, reason in reasons.items() if scene.value in reason} == shows


def test_with_the_rule_for_hosts_from_data_removed_the_host_shows(
    tmp_path: Path, targets: Targets, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = egress._Ready
    monkeypatch.setattr(egress, "_Ready", lambda request, names_host=True: ready(request))
    with thread_server(tmp_path, **targets.environment) as server:
        scene = Scene(server, targets.bases, value=f"Kept{new('Host')}Zz9")
        host = f"{scene.value.lower()}.invalid"
        scene.admin.call("PUT", f"/api/secrets/{scene.secret}/policy", {"hosts": [f"{host}:80"]})
        assert host in scene_reason(scene, {"uri": "http://KEY.invalid/"})


def test_with_the_check_before_the_door_removed_an_execute_only_author_learns_of_a_line_break(
    tmp_path: Path, targets: Targets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """test_authority.py has it as it should be."""
    monkeypatch.setattr(outbound.Outbound, "check", lambda self, request: None)
    with thread_server(tmp_path, **targets.environment) as server:
        scene = Scene(server, targets.bases, value="two\nlines")
        made, key = scene.admin.application(new("author"), "USER", "METADATA_API")
        scene.admin.grant(made, "SECRET_NAME", scene.secret, "EXECUTE")
        scene.admin.call("PUT", f"/api/secrets/{scene.secret}/policy", {"hosts": ["127.0.0.1:1"]})
        scene.admin = server.api(server.token(key["id"], key["secret"]))
        run = scene.start("refused", {"headers": {"X-Key": "KEY"}})
        assert "line break" in scene.reason(run)
