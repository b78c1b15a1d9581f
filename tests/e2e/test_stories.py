"""The four seed stories, end to end: what the demo says came out, and what the store and the logs say of it."""

import base64
import hashlib
import hmac
import json

import pytest

from tests.e2e.conftest import Demo

pytestmark = pytest.mark.sdk


def test_all_four_stories_are_told(demo: Demo) -> None:
    assert demo.document["passed"] is True
    assert [story["name"] for story in demo.document["stories"]] == ["Keys", "super_weather", "Postage", "pinetree"]
    assert all(story["passed"] and story["error"] is None and story["steps"] for story in demo.document["stories"])


@pytest.mark.promise(7)
def test_the_transcript_holds_no_secret_and_no_token(demo: Demo) -> None:
    text = json.dumps(demo.document, ensure_ascii=False)
    assert len(demo.secrets) > 10
    assert not [shown for secret, shown in demo.secrets.items() if secret in text]
    assert "eyJhbGciOi" in text
    assert "(shown this once)" in text


def test_keys_a_token_is_asked_for(demo: Demo) -> None:
    assert demo.step(1, "and is known by it").body["id"].startswith("app:")
    without, wrong = demo.step(1, "Without a token"), demo.step(1, "With a wrong secret")
    assert (without.status, without.body["error"]) == (401, "INVALID_TOKEN")
    assert (wrong.status, wrong.path, wrong.body["message"]) == (401, "/api/token", "Invalid access key")


@pytest.mark.promise(3)
def test_keys_a_secret_is_shown_once_and_stored_nowhere(demo: Demo) -> None:
    listed = demo.step(1, "The secret is never shown again").body
    assert [sorted(key) for key in listed] == [["createdAt", "id", "status"]]
    secrets = [text.encode() for text in demo.secrets if text.startswith("sds_")]
    assert len(secrets) == 4
    assert not [name for name, data in demo.files().items() for secret in secrets if secret in data]


def test_keys_to_be_known_is_not_enough(demo: Demo) -> None:
    refused, allowed = demo.step(1, "To be known is not to be allowed"), demo.step(1, "With the grant the same call")
    assert refused.status == 403
    assert refused.body["message"] == "You don't have permissions to execute workflow: greeting (missing: EXECUTE on WORKFLOW_DEF greeting)"
    assert (refused.method, refused.path, allowed.status) == (allowed.method, allowed.path, 200)
    assert demo.rows("SELECT name, status FROM run WHERE run_id = ?", allowed.body) == [("greeting", "COMPLETED")]


@pytest.mark.promise(2)
@pytest.mark.parametrize("what", ["a paused key", "a deleted key"])
def test_keys_stop_at_once_and_with_them_the_tokens_minted_before(demo: Demo, what: str) -> None:
    story = demo.story(1)
    [token] = [step for step in story if step.does == f"The token minted before, by {what}"]
    [exchange] = [step for step in story if step.does == f"No new token for {what}"]
    assert (token.status, token.body["error"]) == (401, "INVALID_TOKEN")
    assert (exchange.status, exchange.body["message"]) == (401, "Invalid access key")
    before = story[story.index(token) - 1]
    assert before.does.startswith(f"The administrator {'pauses' if 'paused' in what else 'deletes'} the key")


@pytest.mark.promise(11)
def test_keys_every_change_has_its_audit_row(demo: Demo) -> None:
    listed = demo.step(1, "The secret is never shown again").body[0]["id"]
    actions = [row[0] for row in demo.rows("SELECT action FROM audit WHERE detail = ? AND outcome = 'done' ORDER BY at", listed)]
    assert actions == ["access_key.create", "access_key.pause", "access_key.resume", "access_key.delete"]


@pytest.mark.promise(6)
def test_super_weather_is_held_until_the_worker_may_read_the_secret(demo: Demo) -> None:
    held = demo.step(2, "It polls, and the task is held")
    [task] = held.body["tasks"]
    worker = next(step for step in demo.story(2) if step.method == "POST" and step.path == "/api/applications").body
    assert worker["name"] == "weather-workers"
    assert task["reasonForIncompletion"] == f"held: application app:{worker['id']} lacks READ on SECRET_NAME weather_api_key"
    assert (held.body["status"], task["status"], task["pollCount"]) == ("RUNNING", "SCHEDULED", 0)
    assert task["inputData"] == {"zip": "90210", "api_key": "${workflow.secrets.weather_api_key}"}


def test_super_weather_completes_with_the_secret_in_the_hands_of_the_official_sdk(demo: Demo) -> None:
    started, done = demo.step(2, "The worker starts"), demo.step(2, "The worker is given the secret")
    assert started.facts["sdk"] == "conductor-python 2.0.0"
    assert set(started.facts["environment"]) == {"CONDUCTOR_SERVER_URL", "CONDUCTOR_AUTH_KEY", "CONDUCTOR_AUTH_SECRET"}
    secret = demo.hidden("wx_")
    signature = hmac.new(secret.encode(), b"90210", hashlib.sha256).hexdigest()
    assert done.body["status"] == "COMPLETED"
    assert done.body["output"]["signature"] == signature
    assert done.body["output"]["called"] == "https://weather.example/v1?zip=90210&key=***"


@pytest.mark.promise(7)
def test_super_weather_leaves_a_receipt_and_no_trace_of_the_value(demo: Demo) -> None:
    run = demo.step(2, "and starts the workflow").body
    receipts = demo.rows("SELECT secret_name, door, consumer FROM receipt WHERE run_id = ?", run)
    consumer = demo.rows("SELECT id FROM application WHERE name = 'weather-workers'")[0][0]
    assert receipts == [("weather_api_key", "handoff", f"app:{consumer}")]
    assert not [name for name, data in demo.files().items() if demo.hidden("wx_").encode() in data]


def test_postage_comes_out_at_82_10(demo: Demo) -> None:
    quoted, refused = demo.step(3, "The right one gets a price"), demo.step(3, "A wrong user name is refused")
    assert (quoted.body["status"], quoted.body["output"]) == ("COMPLETED", {"rate": "82.10"})
    assert refused.body["output"] == {"error": "Authorization failure."}
    kinds = {row[0] for row in demo.rows("SELECT DISTINCT json_extract(body, '$.taskType') FROM task")}
    assert {"SWITCH", "SET_VARIABLE", "HTTP", "INLINE", "TERMINATE"} <= kinds


def test_postage_reaches_the_post_office_under_its_own_name_with_the_user_name(demo: Demo) -> None:
    received = demo.step(3, "The post office got the true user name").facts["received"]
    assert (received["host"], received["userid"]) == ("production.shippingapis.com", "known")
    assert (received["ZipOrigination"], received["ZipDestination"]) == ("04046", "98260")


@pytest.mark.promise(7)
def test_postage_leaves_the_user_name_nowhere(demo: Demo) -> None:
    user = demo.hidden("usps").encode()
    wanted = [user, user.hex().encode(), *(base64.b64encode(bytes(n) + user)[4:-4] for n in range(3))]
    searched = demo.files()
    assert {"data/stagedoor.db", "logs/server.log"} <= set(searched)
    assert not [(name, form) for name, data in searched.items() for form in wanted if form in data]
    looked = demo.step(3, "The user name is nowhere").facts
    assert looked["found_in"] == []
    assert "<Account>***</Account>" in looked["answer_as_kept"]
    places = {"execution", "status", "task ask_post_office", "stagedoor.db", "stagedoor.db-wal", "server.log"}
    assert places <= set(looked["searched_bytes"])


def test_postage_audits_that_the_secret_went_out(demo: Demo) -> None:
    rows = demo.rows("SELECT target, detail FROM audit WHERE action = 'secret.egress'")
    assert [row[0] for row in rows] == ["SECRET_NAME post_office_username"] * 2


def test_pinetree_is_made_as_documented(demo: Demo) -> None:
    story = demo.story(4)
    assert [(step.method, step.path, step.status, step.body) for step in story] == [
        ("GET", "/api/secrets/pinetree/exists", 200, False),
        ("PUT", "/api/secrets/pinetree", 200, None),
        ("GET", "/api/secrets/pinetree/exists", 200, True),
        ("GET", "/api/secrets/pinetree", 200, "needles"),
    ]
    assert demo.document["stories"][3]["steps"][1]["request"]["body"] == "needles"
