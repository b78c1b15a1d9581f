"""What a request may look like, byte by byte."""

import select

import pytest

from stagedoor.api import server
from tests.api.floor.live import TOKEN, Live, parsed, request


def test_it_works(live: Live) -> None:
    answer = parsed(live.say(request("GET", "/health")))
    assert (answer.status, answer.json[0]) == (200, ["health"])
    assert "server" not in answer.headers


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("k%2F1", "k/1"),
        ("a%40b", "a@b"),
        ("%C3%BC", "ü"),
        ("a%20b", "a b"),
        ("a+b", "a+b"),
        ("%2E%2E", ".."),
        ("a;b=c", "a;b=c"),
        ("%252F", "%2F"),
    ],
)
def test_an_encoded_slash_stays_inside_its_segment(live: Live, path: str, key: str) -> None:
    answer = parsed(live.say(request("GET", f"/api/secrets/{path}?x=1", X_Authorization=TOKEN)))
    assert answer.json[:2] == [["api", "secrets", key], {"key": key}]


@pytest.mark.parametrize("path", ["/api/secrets/%ff", "/api/secrets/%ED%A0%80"])
@pytest.mark.promise(12)
def test_a_path_that_is_not_utf8_is_refused(live: Live, path: str) -> None:
    assert parsed(live.say(request("GET", path, X_Authorization=TOKEN))).status == 400


@pytest.mark.parametrize("path", ["/api/secrets/", "/api/secrets", "/api//secrets/x", "/api/secrets/a/b", "/", "/API/secrets/x"])
def test_another_address_is_not_found(live: Live, path: str) -> None:
    answer = parsed(live.say(request("GET", path, X_Authorization=TOKEN)))
    assert (answer.status, answer.json["status"], answer.json["retryable"]) == (404, 404, False)


def test_another_method_is_405_and_names_what_is_taken(live: Live) -> None:
    answer = parsed(live.say(request("POST", "/api/secrets/x")))
    assert (answer.status, answer.headers["allow"]) == (405, "GET, PUT, OPTIONS")
    assert answer.json["status"] == 405


def test_options_tells_the_methods_and_asks_for_no_credential(live: Live) -> None:
    answer = parsed(live.say(request("OPTIONS", "/api/secrets/x", Origin="https://elsewhere.example")))
    assert (answer.status, answer.headers["allow"], answer.body) == (204, "GET, PUT, OPTIONS", b"")
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert parsed(live.say(request("OPTIONS", "/nowhere"))).status == 404


def test_head_has_no_body_where_it_is_taken_and_is_refused_elsewhere(live: Live) -> None:
    answer = parsed(live.say(request("HEAD", "/health")))
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["content-length"]) > 0
    assert parsed(live.say(request("HEAD", "/api/secrets/x", X_Authorization=TOKEN))).status == 405


def test_a_chunked_body_needs_no_content_length(live: Live) -> None:
    head = request("PUT", "/api/secrets/x", b"", X_Authorization=TOKEN, Transfer_Encoding="chunked")
    assert parsed(live.say(head + b'8\r\n"needles\r\n1\r\n"\r\n0\r\n\r\n')).body == b'"needles"'


def test_an_empty_body_is_taken_only_where_none_is_allowed(live: Live) -> None:
    assert parsed(live.say(request("POST", "/api/maybe"))).json == {"length": 0, "payload": None}
    assert parsed(live.say(request("POST", "/api/maybe", b"{}"))).json == {"length": 2, "payload": {}}
    assert parsed(live.say(request("POST", "/api/things"))).status == 400


@pytest.mark.promise(12)
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_413_and_ends_the_connection(live: Live, chunked: bool) -> None:
    body = b'"' + b"a" * 99_999 + b'"'
    if chunked:
        head = request("POST", "/api/any", b"", Transfer_Encoding="chunked", Connection="keep-alive")
        said = head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:60_000], body[60_000:])) + b"0\r\n\r\n"
    else:
        said = request("POST", "/api/any", body, Connection="keep-alive")
    answer = parsed(live.say(said))
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert parsed(live.say(request("POST", "/api/any", body[1:]))).status == 400  # of exactly the limit: read, and no JSON
    assert parsed(live.say(request("POST", "/api/any", body[:99_998] + b'"'))).status == 200


@pytest.mark.promise(12)
def test_an_endless_chunked_body_is_cut_off(live: Live) -> None:
    head = request("POST", "/api/any", b"", Transfer_Encoding="chunked", Connection="keep-alive")
    piece = b"10000\r\n" + b"a" * 65536 + b"\r\n"
    with live.connect() as conn:
        conn.sendall(head)
        sent, answer = 0, select.poll()  # `select` takes no file number over 1023, and a whole run of the tests has more files open
        answer.register(conn, select.POLLIN)
        while not answer.poll(10):
            conn.sendall(piece)
            sent += 1
            assert sent < 100
        assert conn.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_a_body_announced_too_large_is_refused_before_it_is_asked_for(live: Live) -> None:
    answer = live.say(request("POST", "/api/any", b"", Content_Length="200000", Expect="100-continue"))
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.promise(12)
def test_a_body_that_does_not_arrive_is_given_up(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "BODY_SECONDS", 0.2)
    answer = parsed(live.say(request("POST", "/api/any", b'"', Content_Length="10")))
    assert (answer.status, answer.headers["connection"], answer.body) == (408, "close", b"The body did not arrive in time.")


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"name":"x","size":"big"}', "size: Expected `int`, got `str`"),
        (b'{"size":1}', "name: Object missing required field `name`"),
        (b'{"name":"x","other":1}', "other: Object contains unknown field `other`"),
        (b'{"name":"x","kind":"s3cret"}', "kind: Invalid enum value"),
        (b'{"name":NaN}', "the body is not JSON: NaN and Infinity are no JSON numbers"),
        (b"[" * 1000 + b"]" * 1000, "the body is nested more than 128 levels deep"),
        (b'{"name":"x"', "the body is not JSON: line 1, column 12"),
        (b'{"name":"\xff"}', "the body is not UTF-8: byte 9"),
    ],
)
def test_a_body_that_does_not_fit_is_400_and_the_field_is_named(live: Live, body: bytes, said: str) -> None:
    answer = parsed(live.say(request("POST", "/api/things", body)))
    assert (answer.status, answer.json["message"]) == (400, said)


@pytest.mark.parametrize(
    ("body", "said"), [(b'{"a":1,"a":2}', "a: stands twice in one object"), (rb'{"a":["\u0000"]}', "a[0]: holds the character U+0000")]
)
@pytest.mark.promise(12)
def test_control_routes_refuse_equal_keys_and_nul(live: Live, body: bytes, said: str) -> None:
    answer = parsed(live.say(request("POST", "/api/control", body)))
    assert (answer.status, answer.json["message"]) == (400, said)
    assert parsed(live.say(request("POST", "/api/any", body))).status == 200


def test_a_lone_surrogate_goes_through_unharmed(live: Live) -> None:
    assert parsed(live.say(request("POST", "/api/any", rb'{"a":"\ud800"}'))).body.endswith(rb'{"a":"\ud800"}}')


def test_two_requests_in_one_packet_get_two_answers_in_order(live: Live) -> None:
    first = request("GET", "/api/secrets/one", X_Authorization=TOKEN, Connection="keep-alive")
    answers = live.say(first + request("GET", "/api/secrets/two", X_Authorization=TOKEN))
    assert answers.count(b"HTTP/1.1 200 OK") == 2
    assert answers.index(b'"one"') < answers.index(b'"two"')


def test_nobody_is_asked_before_the_body_is_read(live: Live) -> None:
    assert parsed(live.say(request("GET", "/api/closed"))).status == 401
    assert parsed(live.say(request("GET", "/api/closed", X_Authorization=TOKEN))).status == 403


def test_every_answer_is_measured_under_its_route(live: Live) -> None:
    live.seen.measured.clear()
    live.say(request("GET", "/api/secrets/abc", X_Authorization=TOKEN))
    live.say(request("GET", "/nowhere"))
    assert live.seen.measured == [("/api/secrets/{key}", 200), ("", 404)]
