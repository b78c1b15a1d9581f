"""The scanner: every spelling, every way to cut the stream, in time that grows with the input; and the one table of kinds."""

import json
import os
from base64 import b64decode, b64encode, urlsafe_b64encode

import pytest

from stagedoor.core.auth_session import CLIENT_SECRET
from stagedoor.core.invite import PREFIX as INVITE_PREFIX
from stagedoor.core.publishable_key import PUBLISHABLE_PREFIX
from stagedoor.kit import scanner
from stagedoor.kit.crypto import Key
from stagedoor.kit.hs256 import HmacKey, SecretKeyClaims
from stagedoor.kit.ids import new_token
from stagedoor.kit.keyformat import ACCESS_KEY, ACCESS_TOKEN, AUTH_SESSION, FORMATS, INVITE, PUBLISHABLE_KEY, SECRET_KEY, KeyFormat
from stagedoor.kit.scanner import scan
from stagedoor.kit.tokens import Claims, SigningKey

CLAIMS = Claims("stagedoor", "conductor", "app:1", "a-credential", "default", "a-jti", 1, 2)
ACCESS = SigningKey.new("a-key", Key.new()).sign(CLAIMS)
SECRETS = {each.kind: each.new() for each in FORMATS if isinstance(each, KeyFormat)} | {
    "access_token": ACCESS,
    "secret_key": "sk_conductor_" + HmacKey.new("a-key").sign(SecretKeyClaims("an-id", "default", 1)),
}
SPELLINGS = {
    "plain": lambda text: text.encode(),
    "utf-16-le": lambda text: text.encode("utf-16-le"),
    "utf-16-be": lambda text: text.encode("utf-16-be"),
    **{f"base64 {at}": lambda text, at=at: b64encode(b"::"[:at] + text.encode()) for at in range(3)},
    **{f"base64url {at}": lambda text, at=at: urlsafe_b64encode(b"::"[:at] + text.encode() + b"\xff\xfe") for at in range(3)},
}


def found(*chunks: bytes) -> list[tuple[str, str, int, bool]]:
    return [(hit.format.kind, hit.text.reveal(), hit.line, hit.checked) for hit in scan(chunks)]


@pytest.mark.parametrize("kind", SECRETS)
def test_each_kind_is_found_in_each_spelling(kind: str) -> None:
    for name, spell in SPELLINGS.items():
        data = b'first\n{"key": "' + spell(SECRETS[kind]) + b'"}\n'  # type: ignore[no-untyped-call]
        assert found(data) == [(kind, SECRETS[kind], 2, True)], name


@pytest.mark.parametrize("size", [1, 7, 4096, 20_000])
def test_wherever_the_stream_is_cut_each_is_found_once(size: int) -> None:
    data = b"".join(b"." * 5000 + b"\n" + text.encode() for text in SECRETS.values())
    cut = [data[at : at + size] for at in range(0, len(data), size)]
    assert [(kind, text, line) for kind, text, line, _ in found(*cut)] == [
        (kind, text, number) for number, (kind, text) in enumerate(SECRETS.items(), 2)
    ]


def test_a_wrong_checksum_is_told_from_a_right_one() -> None:
    wrong = ACCESS_KEY.new()[:-1] + "x"
    assert found(wrong.encode()) == []
    key = ACCESS_KEY.new()
    swapped = key[:-1] + ("0" if key[-1] != "0" else "1")
    assert found(swapped.encode()) == [("access_key", swapped, 1, False)]


def test_tokens_of_other_issuers_are_not_ours() -> None:
    header, claims = ({"alg": "ES256", "typ": "JWT"}, {"jti": "a", "client_id": "b", "exp": 1, "project": "c"})
    parts = [urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=") for each in (header, claims)]
    assert found(b".".join([*parts, ACCESS.rpartition(".")[2].encode()])) == []


def test_no_secret_is_shown_by_a_finding() -> None:
    (hit,) = scan((SECRETS["api_key"].encode(),))
    assert SECRETS["api_key"] not in f"{hit!r} {hit.mask} {hit.text}"
    assert hit.mask == f"{SECRETS['api_key'][:9]}...{SECRETS['api_key'][-4:]}"


def test_what_makers_make_is_what_the_table_says() -> None:
    assert INVITE.holds(new_token(INVITE_PREFIX)) and AUTH_SESSION.holds(new_token(CLIENT_SECRET))
    assert PUBLISHABLE_KEY.prefix == PUBLISHABLE_PREFIX
    assert SECRET_KEY.holds(SECRETS["secret_key"]) and ACCESS_TOKEN.holds(ACCESS)


def read_for(data: bytes, monkeypatch: pytest.MonkeyPatch) -> float:
    """How many bytes are decoded for each one of the data, in which there is no secret."""
    decoded: list[int] = []
    read = scanner._Stretches._read

    def counting(text: bytes) -> bytes:
        decoded.append(len(text))
        return b64decode(text)

    def counted(self: scanner._Stretches, width: int, first: int, end: int) -> scanner._Stretch:
        stretch = read(self, width, first, end)
        decoded.append(len(stretch.plain) if width == 2 else 0)
        return stretch

    with monkeypatch.context() as patch:
        patch.setattr(scanner, "b64decode", counting)
        patch.setattr(scanner._Stretches, "_read", counted)
        assert found(*(data[at : at + 40_000] for at in range(0, len(data), 40_000))) == []
    return sum(decoded) / len(data)


RUN_ON = [
    b64encode(b"..eyJ."), b64encode(b".eyJ"), b64encode(b".eyJ.")[:6], b64encode(b".eyJaaaaaaaaaa.a"), b64encode(b"x.eyJ" + b"a" * 25),
    b64encode(b"sk_conductor_eyJ"), b64encode(b"..sk_conductor_eyJ"), " eyJ".encode("utf-16-le"), "sk_conductor_eyJ".encode("utf-16-le"),
]  # fmt: skip


@pytest.mark.parametrize("part", [b"eyJ", b"ZXlK", b"sds_", b"e\0y\0J\0", b"eyJaaaaaaaaaa.", b"c2RzX", *RUN_ON])
def test_beginnings_without_an_end_cost_no_more_than_their_length(part: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: of each only so much is decoded that all of it stays within a small multiple of the input."""
    assert read_for(part * (60_000 // len(part)), monkeypatch) <= 30


def test_where_each_place_is_read_by_itself_the_cost_is_that_of_the_longest_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner._Stretch, "holds", lambda *_: False)
    costs = [read_for(part * (12_000 // len(part)), monkeypatch) for part in RUN_ON]
    assert max(costs) > 500 and sorted(costs)[len(costs) // 2] > 100


def test_random_bytes_hold_no_key() -> None:
    assert found(os.urandom(2_000_000)) == []
