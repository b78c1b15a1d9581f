"""The HTTP task of Conductor: its input becomes a request, the answer its output."""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagedoor.gate.httptask import encode_uri, failure_of, outcome_of, output_of, request_of
from stagedoor.gate.outbound import OutboundResponse
from stagedoor.gate.redaction import Redactor
from stagedoor.kit.errors import BadInput

URI = "https://api.example/x"


def asked(**fields: Any) -> dict[str, Any]:
    return {"http_request": {"uri": URI, "method": "GET", **fields}}


def answer(body: bytes | str = b"", *, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> OutboundResponse:
    return OutboundResponse(
        status, {200: "OK", 404: "Not Found"}.get(status, ""), headers, body.encode() if isinstance(body, str) else body
    )


def body_of(response: OutboundResponse) -> Any:
    return output_of(response)["response"]["body"]


def test_it_works() -> None:
    request = request_of(asked(method="post", headers={"X-A": "1"}, body={"ä": [1, None]}, connectionTimeOut=1000, readTimeOut="2000"))
    assert (request.method, request.url, request.connect_timeout, request.read_timeout) == ("POST", URI, 1000, 2000)
    assert request.headers == (("Accept", "application/json"), ("Content-Type", "application/json"), ("X-A", "1"))
    assert request.body == '{"ä":[1,null]}'.encode()


def test_the_input_map_itself_is_the_request_where_there_is_no_http_request() -> None:
    request = request_of({"uri": URI, "method": "GET", "vipAddress": "ignored", "asyncComplete": False})
    assert (request.method, request.url, request.body) == ("GET", URI, None)
    assert (request.connect_timeout, request.read_timeout) == (3000, 3000)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"uri": None}, "uri"),
        ({"uri": 7}, "uri"),
        ({"uri": ""}, "uri"),
        ({"uri": "/Hidden1"}, "uri"),
        ({"uri": "Hidden1"}, "uri"),
        ({"uri": "mailto:Hidden1"}, "uri"),
        ({"uri": URI + "Hidden1" * 20_000}, "uri"),
        ({"uri": URI + "/\ud800Hidden1"}, "uri"),
        ({"method": None}, "method"),
        ({"method": "Hidden1"}, "method"),
        ({"method": "CONNECT"}, "method"),
        ({"method": 7}, "method"),
        ({"headers": "Hidden1"}, "headers"),
        ({"headers": ["Hidden1"]}, "headers"),
        ({"headers": {"X": {"Hidden1": 1}}}, "headers"),
        ({"connectionTimeOut": "Hidden1"}, "connectionTimeOut"),
        ({"readTimeOut": -1}, "readTimeOut"),
        ({"readTimeOut": True}, "readTimeOut"),
        ({"readTimeOut": []}, "readTimeOut"),
        ({"readTimeOut": float("inf")}, "readTimeOut"),
        ({"connectionTimeOut": "１０"}, "connectionTimeOut"),
        ({"accept": {"Hidden1": 1}}, "accept"),
        ({"accept": ["a", 1]}, "accept"),
        ({"contentType": 7}, "contentType"),
    ],
)
def test_what_is_wrong_is_named_by_its_field_and_never_shown(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput, match=rf"^http_request\.{field}: ") as caught:
        request_of(asked(**fields))
    assert caught.value.field == field
    assert "Hidden1" not in caught.value.message


@pytest.mark.parametrize("given_request", [None, "text", 7, ["list"]])
def test_a_request_that_is_no_object_is_refused(given_request: Any) -> None:
    with pytest.raises(BadInput, match=r"^http_request: "):
        request_of({"http_request": given_request})


@pytest.mark.parametrize(
    ("value", "expected"), [(None, 3000), (1000, 1000), ("3000", 3000), (1500.0, 1500), (0, 60_000), (10**9, 60_000), ("99999999", 60_000)]
)
def test_timeouts_are_numbers_or_digits_and_bounded(value: Any, expected: int) -> None:
    request = request_of(asked(connectionTimeOut=value, readTimeOut=value))
    assert (request.connect_timeout, request.read_timeout) == (expected, expected)


def test_timeouts_are_spelled_exactly_so() -> None:
    assert request_of(asked(connectionTimeout=1, readTimeout=1)).read_timeout == 3000


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        ({"accept": "text/xml"}, "Accept", "text/xml"),
        ({"accept": ["a/b", "c/d"]}, "Accept", "a/b, c/d"),
        ({"accept": []}, "Accept", "application/json"),
        ({"contentType": "text/plain"}, "Content-Type", "text/plain"),
        ({"headers": {"accept": "x/y"}}, "accept", "x/y"),
        ({"headers": {"CONTENT-TYPE": "x/y"}, "contentType": "a/b"}, "CONTENT-TYPE", "x/y"),
        ({"headers": {"X": 7}}, "X", "7"),
        ({"headers": {"X": True}}, "X", "true"),
        ({"headers": {"X": ["a", 1]}}, "X", "a, 1"),
        ({"headers": {"X": " a "}}, "X", "a"),
    ],
)
def test_headers(fields: dict[str, Any], name: str, value: str) -> None:
    headers = request_of(asked(**fields)).headers
    assert (name, value) in headers
    assert len([one for one, _ in headers if one.lower() == name.lower()]) == 1


def test_headers_that_are_null_or_reckoned_anew_are_left_out() -> None:
    assert request_of(asked(headers={"X": None, "Content-Length": "3"})).headers == request_of(asked()).headers


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        (None, None),
        ("as it is", b"as it is"),
        ("", b""),
        ([1], b"[1]"),
        (7, b"7"),
        (False, b"false"),
        ({}, b"{}"),
        (2**70, b"1180591620717411303424"),
        ("\ud800", b"?"),
        ({"a": "\ud800"}, b'{"a":"?"}'),
    ],
)
def test_a_text_is_sent_as_it_is_and_anything_else_as_json(body: Any, sent: bytes | None) -> None:
    assert request_of(asked(body=body)).body == sent


@pytest.mark.parametrize(
    ("uri", "sent"),
    [
        ("https://a.example", "https://a.example"),
        (" https://a.example/ ", "https://a.example/"),
        ('https://a.example/x y?q=<a b="c">&r={d}|e^`\\', "https://a.example/x%20y?q=%3Ca%20b=%22c%22%3E&r=%7Bd%7D%7Ce%5E%60%5C"),
        ("https://a.example/%20%zz%4%", "https://a.example/%20%25zz%254%25"),
        ("https://a.example/ä?🔑", "https://a.example/%C3%A4?%F0%9F%94%91"),
        ("https://a.example/a\r\nb\0", "https://a.example/a%0D%0Ab%00"),
        ("https://a.example/x#frag", "https://a.example/x"),
        ("https://a.example?q=[1]", "https://a.example?q=%5B1%5D"),
        ("http://a.example/:@!$&'()*+,;=-._~", "http://a.example/:@!$&'()*+,;=-._~"),
        ("https://a.example\\@evil.example/", "https://a.example%5C@evil.example/"),
    ],
)
def test_what_is_illegal_in_a_uri_is_encoded_and_the_rest_is_left(uri: str, sent: str) -> None:
    assert encode_uri(uri) == sent


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="#%"), max_size=40))
def test_an_encoded_uri_is_legal_says_the_same_and_stays_as_it_is(text: str) -> None:
    encoded = encode_uri(f"https://a.example/{text}x")
    assert encoded.isascii() and encoded.isprintable() and " " not in encoded
    assert unquote(encoded) == f"https://a.example/{text}x"
    assert encode_uri(encoded) == encoded


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ('{"a": [1, 2.5]}', {"a": [1, 2.5]}),
        ("[]", []),
        ("82.10", 82.1),
        ("7", 7.0),
        ("-1e3", -1000.0),
        ("", None),
        ("text", "text"),
        ("<a>7</a>", "<a>7</a>"),
        ('"quoted"', "quoted"),
        ("true", "true"),
        ("null", "null"),
        ("{broken", "{broken"),
        ("[1] tail", "[1] tail"),
        ("NaN", "NaN"),
        ("1e999", "1e999"),
        ("04046", "04046"),
        ("[" * 200 + "]" * 200, "[" * 200 + "]" * 200),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_a_body_is_parsed_as_upstream_does(text: str, body: Any) -> None:
    parsed = body_of(answer(text))
    assert parsed == body
    assert type(parsed) is type(body)


@pytest.mark.parametrize(
    ("kind", "raw", "text"),
    [
        ("text/xml; charset=ISO-8859-1", b"\xe4", "ä"),
        ('text/xml; charset="utf-16"', "ä".encode("utf-16"), "ä"),
        ("text/plain", "ä".encode(), "ä"),
        ("text/plain; charset=windows-1252", b"\x80", "€"),
        ("text/plain; charset=punycode", b"abc", "abc"),
        ("text/plain; charset=rot13", b"abc", "abc"),
        ("text/plain; charset=unicode_escape", b"\\x41", "\\x41"),
        ("text/plain; charset=zlib", b"abc", "abc"),
        ("text/plain", b"a\xff", "a\ufffd"),
        ("text/plain; charset=nonesuch", b"abc", "abc"),
    ],
)
def test_a_body_is_text_in_its_charset(kind: str, raw: bytes, text: str) -> None:
    assert body_of(answer(raw, headers=(("content-type", kind),))) == text


def test_headers_keep_the_case_received_and_all_their_values() -> None:
    headers = (("X-Backside-Transport", "OK OK,OK OK"), ("Set-Cookie", "a"), ("set-cookie", "b"))
    response = output_of(answer("x", headers=headers))["response"]
    assert response["headers"] == {"X-Backside-Transport": ["OK OK,OK OK"], "Set-Cookie": ["a", "b"]}
    assert (response["statusCode"], response["reasonPhrase"]) == (200, "OK")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, "x", None),
        (204, "", None),
        (299, "x", None),
        (404, "gone", "HTTP 404 Not Found: gone"),
        (404, '{"a": 1}', 'HTTP 404 Not Found: {"a": 1}'),
        (404, "", "HTTP 404 Not Found"),
        (301, "", "HTTP 301"),
        (599, "x" * 5000, "HTTP 599: " + "x" * 1000),
    ],
)
def test_all_but_2xx_is_a_failure_with_status_phrase_and_body(status: int, body: str, expected: str | None) -> None:
    assert failure_of(output_of(answer(body, status=status))) == expected


def test_the_reason_is_cut_only_after_the_redaction() -> None:
    secret = "S" * 40
    body = "x" * 980 + secret
    outcome = outcome_of(answer(body, status=404, headers=(("Echo", secret),)), Redactor([secret]).clean)
    assert outcome.error == "HTTP 404 Not Found: " + "x" * 980 + "***"
    assert outcome.output["response"]["headers"] == {"Echo": ["***"]}
    cut_first = Redactor([secret]).clean(failure_of(output_of(answer(body, status=404))))
    assert "SSSS" in cut_first  # what the order protects from


@pytest.mark.corpus
@pytest.mark.skipif("STAGEDOOR_CORPUS" not in os.environ, reason="the corpus was not given")
@pytest.mark.parametrize("name", ["postage_rate", "check_address"])
def test_the_post_office_definitions_of_the_corpus_make_a_legal_request(name: str) -> None:
    definition = json.loads((Path(os.environ["STAGEDOOR_CORPUS"]) / f"definitions/conductor-examples/{name}.json").read_text())
    task = next(task for task in definition["tasks"] if task["type"] == "HTTP")
    request = request_of(task["inputParameters"])
    assert (request.method, request.connect_timeout, request.read_timeout, request.body) == ("POST", 1000, 1000, None)
    assert request.url.isascii() and not set(request.url) & set('<> "{}')
    assert unquote(request.url) == task["inputParameters"]["http_request"]["uri"]
