"""Secrets: story 4, and what the SDKs really send (contract/orkes.md 0.4 to 0.8)."""

import json
from typing import Any

import pytest

from tests.api.authorization.world import World, new
from tests.api.orkes.wire import GO, JAVA, JAVASCRIPT, PYTHON, javascript, python, say
from tests.support.server import Api, LiveServer

PLAIN = "text/plain; charset=utf-8"
JSON = {"Content-Type": "application/json"}


def test_it_works(server: LiveServer) -> None:
    api = server.admin()
    assert api.call("GET", "/api/secrets/pinetree/exists") is False
    api.call("PUT", "/api/secrets/pinetree", b"needles", headers=JSON)
    assert api.call("GET", "/api/secrets/pinetree/exists") is True
    answer = api.raw("GET", "/api/secrets/pinetree")
    assert (answer.content, answer.headers["content-type"]) == (b"needles", PLAIN)


TABLE: dict[str, dict[str, bytes]] = {  # the value -> the body each SDK makes of it (0.5)
    "plain": {JAVASCRIPT: b'"plain"', PYTHON: b"plain", JAVA: b"plain", GO: b"plain"},
    'with "quotes"': {JAVASCRIPT: b'"with \\"quotes\\""', JAVA: b'with "quotes"', GO: b'with "quotes"'},
    "l1\nl2": {JAVASCRIPT: b'"l1\\nl2"', PYTHON: b"l1\\nl2", JAVA: b"l1\nl2", GO: b"l1\nl2"},
    '{"a": 1}': {JAVASCRIPT: b'"{\\"a\\": 1}"', PYTHON: b'{\\"a\\": 1}', JAVA: b'{"a": 1}', GO: b'{"a": 1}'},
    "ünï": {JAVASCRIPT: '"ünï"'.encode(), PYTHON: b"\\u00fcn\\u00ef", JAVA: "ünï".encode(), GO: "ünï".encode()},
    "": {JAVASCRIPT: b'""', PYTHON: b"", JAVA: b""},
    "C:\\new": {JAVASCRIPT: b'"C:\\\\new"', PYTHON: b"C:\\\\new", JAVA: b"C:\\new", GO: b"C:\\new"},
    "😀": {JAVASCRIPT: '"😀"'.encode(), PYTHON: b"\\ud83d\\ude00", JAVA: "😀".encode()},
    "123": {JAVASCRIPT: b'"123"', PYTHON: b"123", JAVA: b"123", GO: b"123"},
    "true": {JAVASCRIPT: b'"true"', PYTHON: b"true", JAVA: b"true"},
    " spaces ": {JAVASCRIPT: b'" spaces "', PYTHON: b" spaces ", JAVA: b" spaces ", GO: b" spaces "},
    "a\0b": {JAVASCRIPT: b'"a\\u0000b"', PYTHON: b"a\\u0000b", JAVA: b"a\0b"},
}
CELLS = [(value, agent, body) for value, bodies in TABLE.items() for agent, body in bodies.items()]


@pytest.mark.parametrize(("value", "agent", "body"), CELLS, ids=[f"{value!a}-{agent}" for value, agent, _ in CELLS])
def test_each_sdks_body_is_stored_as_the_value_its_caller_gave(value: str, agent: str, body: bytes, admin: Api) -> None:
    name = new("secret")
    kind = "text/plain" if agent == GO else "application/json"
    saved = admin.raw("PUT", f"/api/secrets/{name}", body, headers={"Content-Type": kind, "User-Agent": agent})
    assert (saved.status_code, saved.content) == (200, b"")
    answer = admin.raw("GET", f"/api/secrets/{name}")
    assert (answer.content, answer.headers["content-type"]) == (value.encode(), PLAIN)


@pytest.mark.parametrize("value", ['with "quotes"', '"', '""', 'x"""', '"all of it"', 'C:\\dir\\"', "C:\\dir\\", "\\", '\\"\\"'])
def test_the_quote_that_the_python_sdk_loses_is_found_again(value: str, admin: Api) -> None:
    r"""`with "quotes"` leaves Python as `with \"quotes\`: what is left of the last quote's escape is a lone backslash."""
    name = new("secret")
    admin.raw("PUT", f"/api/secrets/{name}", json.dumps(value).strip('"').encode(), headers={"User-Agent": PYTHON, **JSON})
    assert admin.raw("GET", f"/api/secrets/{name}").content == value.encode()


def test_what_curl_sends_by_itself_is_kept_as_it_is(admin: Api) -> None:
    """`curl -d` says that it sends a form, `-T` says nothing, and 65,535 bytes of either are a value."""
    for kind in ({"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Type": "application/octet-stream"}, {}):
        for body in (b"", b"x", b"a=b&c=%41+\\n ${x}\r\n\0\xf0\x9f\x98\x80", b'"' + b"z" * 65_533 + b"\\"):
            name = new("secret")
            assert admin.raw("PUT", f"/api/secrets/{name}", body, headers={**kind, "User-Agent": "curl/8.5.0"}).status_code == 200
            assert admin.raw("GET", f"/api/secrets/{name}").content == body


@pytest.mark.parametrize("body", [b'"quoted"', b"l1\\nl2", b'with \\"quotes\\', b'"a\\u0041"'])
def test_what_calls_itself_text_is_the_value_itself(body: bytes, admin: Api) -> None:
    """curl and Go; the SDKs that send JSON, or a part of it, all say application/json."""
    name = new("secret")
    for kind in ("text/plain", "Text/Plain; charset=utf-8"):
        admin.raw("PUT", f"/api/secrets/{name}", body, headers={"Content-Type": kind})
        assert admin.raw("GET", f"/api/secrets/{name}").content == body


def test_an_unfinished_or_longer_json_string_is_raw_text(admin: Api) -> None:
    for body in (b'"', b'"open', b'"one" "two"', b'"bad \\x escape"', b'["a"]'):
        name = new("secret")
        admin.raw("PUT", f"/api/secrets/{name}", body, headers={"User-Agent": JAVASCRIPT, **JSON})
        assert admin.raw("GET", f"/api/secrets/{name}").content == body


@pytest.mark.parametrize("accept", ["application/json", "text/plain", "*/*", "application/xml"])
def test_a_value_is_plain_text_whatever_is_accepted(accept: str, admin: Api) -> None:
    """0.6: Java would show the quotes of a JSON string, JavaScript would fail on raw text called JSON, Python sends application/json."""
    name = new("secret")
    admin.put_secret(name, "needles")
    answer = admin.raw("GET", f"/api/secrets/{name}", headers={"Accept": accept})
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"needles", PLAIN)
    assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == ("no-store", "nosniff")


def test_a_missing_secret_does_not_exist_with_200(admin: Api) -> None:
    answer = admin.raw("GET", f"/api/secrets/{new('missing')}/exists")
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"false", "application/json")


def test_deleting_a_missing_secret_is_200(admin: Api) -> None:
    name = new("secret")
    assert admin.raw("DELETE", f"/api/secrets/{name}").status_code == 200
    admin.put_secret(name, "value!")
    for _ in range(2):
        assert admin.raw("DELETE", f"/api/secrets/{name}").status_code == 200
    assert admin.call("GET", f"/api/secrets/{name}/exists") is False


def test_reading_a_missing_secret_is_404_with_its_name(admin: Api) -> None:
    name = new("missing")
    for path in ("", "/tags", "/policy"):
        answer = admin.raw("GET", f"/api/secrets/{name}{path}")
        assert (answer.status_code, name in answer.json()["message"]) == (404, True)


@pytest.mark.parametrize("key", ["k%2F1", "a%40b", "a%20b", "%C3%BC", "a%2Fexists", "%252F", "a+b", "a%3Fb%23c", "exists", "tags"])
def test_a_path_parameter_keeps_what_is_percent_encoded_in_it(key: str, admin: Api, sqlite_server: LiveServer, admin_token: str) -> None:
    """0.4: SDKs encode `/` and `@`; the slash must not split the segment."""
    target = f"/api/secrets/{key}-{new('n')}"
    assert say(sqlite_server, python("PUT", target, admin_token, b"needles")).status == 200
    found = say(sqlite_server, javascript("GET", target, admin_token))
    assert (found.status, found.body) == (200, b"needles")
    assert say(sqlite_server, python("GET", f"{target}/exists", admin_token)).body == b"true"
    names: list[str] = admin.call("GET", "/api/secrets")
    assert say(sqlite_server, python("DELETE", target, admin_token)).status == 200
    assert len(names) == len(admin.call("GET", "/api/secrets")) + 1


def test_javascripts_body_in_chunks_is_taken(sqlite_server: LiveServer, admin_token: str) -> None:
    name = new("secret")
    value = "needles " * 500
    for size in (1, 7, 65536):
        assert say(sqlite_server, javascript("PUT", f"/api/secrets/{name}", admin_token, f'"{value}"'.encode(), size)).status == 200
        assert say(sqlite_server, javascript("GET", f"/api/secrets/{name}", admin_token)).body == value.encode()


def test_all_names_come_by_get_and_by_post(admin: Api) -> None:
    name = new("secret")
    admin.put_secret(name, "value!")
    lists: list[Any] = [admin.call("GET", "/api/secrets"), admin.call("POST", "/api/secrets"), admin.call("POST", "/api/secrets", {})]
    assert name in lists[0] and lists[0] == lists[1] == lists[2] == admin.call("GET", "/api/secrets?access=READ")
    assert {"name": name, "tags": []} in admin.call("GET", "/api/secrets-v2")


def test_the_caches_that_go_suites_clear_answer_with_texts(admin: Api) -> None:
    for path in ("clearLocalCache", "clearRedisCache"):
        assert all(isinstance(value, str) for value in admin.call("GET", f"/api/secrets/{path}").values())


@pytest.mark.promise(9)
def test_whether_a_secret_exists_is_told_to_who_holds_something_on_it_or_may_create_secrets(sqlite_server: LiveServer) -> None:
    world = World.on(sqlite_server)
    path = f"/api/secrets/{world.secret}/exists"
    assert world.stranger.call("GET", path) is False
    _, creator = world.caller("creator", "USER")
    assert creator.call("GET", path) is True
    world.admin.grant(world.stranger_id, "SECRET_NAME", world.secret, "EXECUTE")
    assert world.stranger.call("GET", path) is True


@pytest.mark.promise(12)
@pytest.mark.parametrize("key", ["%00", "a%00b", "a%0Ab", "%1B%5B31m", "%7F", "%E2%80%A8", "a" * 256])
def test_a_name_with_controls_or_too_long_is_refused_by_field(key: str, admin: Api) -> None:
    answer = admin.raw("PUT", f"/api/secrets/{key}", b"value!")
    assert (answer.status_code, answer.json()["validationErrors"][0]["path"]) == (400, "key")
    assert admin.raw("GET", f"/api/secrets/{key}").status_code in (400, 404)


@pytest.mark.promise(12)
def test_a_value_that_is_no_text_or_too_long_is_refused_without_being_repeated(admin: Api) -> None:
    for body in (b"\xff\xfe", b"a" * 65_536, "ü".encode() * 32_768):
        name = new("secret")
        answer = admin.raw("PUT", f"/api/secrets/{name}", body, headers={"User-Agent": JAVASCRIPT})
        assert (answer.status_code, answer.json()["validationErrors"][0]["path"], len(answer.text) < 300) == (400, "value", True)
    assert admin.raw("PUT", f"/api/secrets/{new('secret')}", b"a" * 65_535).status_code == 200


def test_an_answer_to_a_put_is_empty_so_that_go_can_decode_it(admin: Api) -> None:
    answer = admin.raw("PUT", f"/api/secrets/{new('secret')}", b"value!", headers={"Content-Type": "text/plain", "User-Agent": GO})
    assert (answer.status_code, answer.content, answer.headers.get("content-type")) == (200, b"", None)
