"""JSON over the wire: what is kept, what is refused, and that no refusal repeats what it refused."""

import json
import time
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagedoor.kit import strictjson
from stagedoor.kit.errors import BadInput
from stagedoor.kit.strictjson import check_name, decode, decode_as, encode

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=()))
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=())), inner), max_leaves=12
)


class Thing(msgspec.Struct):
    size: int
    kind: Literal["a", "b"] = "a"


@given(values)
def test_any_value_survives_both_ways(value: Any) -> None:
    assert decode(encode(value)) == value
    assert decode(json.dumps(value).encode()) == value
    if "\\u0000" not in json.dumps(value):
        assert decode(json.dumps(value).encode(), strict=True) == value


@pytest.mark.parametrize(
    "text", ['"\\ud800"', '{"\\udfff":"x\\udc00\\ud83d"}', "123456789012345678901234567890", "-9223372036854775809", '"\\u0000"']
)
def test_what_is_valid_is_kept(text: str) -> None:
    assert decode(text.encode()) == json.loads(text)
    assert encode(decode(text.encode())).decode() == text


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    "data",
    [
        b"NaN", b"[Infinity]", b'{"a":-Infinity}', b'["\\ud800",NaN]', b"1e400", b'["\\ud800",-1e999]', b"", b" ", b"{", b"[1,]",
        b"{'a':1}", b'"\xff"', b'"\xed\xa0\x80"', b"\xef\xbb\xbf1", '"a"'.encode("utf-16"), b"01", b"1 2", b'"\x01"', b"9" * 5000,
        b'"s3cret', b"s3cret",
    ],
)  # fmt: skip
@pytest.mark.parametrize("strict", [False, True])
def test_what_is_not_is_bad_input_and_never_repeated(data: bytes, strict: bool) -> None:
    with pytest.raises(BadInput) as refused:
        decode(data, strict=strict)
    assert "s3cret" not in refused.value.message


@pytest.mark.promise(12)
def test_depth_counts_brackets_outside_strings() -> None:
    deep = b"[" * 128 + b"]" * 128
    assert decode(deep)
    assert decode(b'{"a":' * 128 + b"1" + b"}" * 128)
    assert decode(json.dumps(["[{" * 500, '\\"[' * 500]).encode())
    assert decode(b"[" + b"[]," * 5000 + b"[]]")
    for too_deep in (b"[" + deep + b"]", b'["\\\\",' + deep + b"]", b"[" * 200_000, b'["a\\"b"' + b",[" * 128 + b"]" * 129):
        with pytest.raises(BadInput, match="nested more than 128"):
            decode(too_deep)


@pytest.mark.promise(12)
def test_without_the_depth_check_the_parser_itself_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strictjson, "_check_depth", lambda data, limit: None)
    assert decode(b"[" * 500 + b"]" * 500)
    with pytest.raises(BadInput, match="too deeply"):
        decode(b"[" * 100_000)


@pytest.mark.parametrize("piece", [b'"\\"', b"\\", b'\\"', b'"', b"[]", b"[", b'{"":'])
def test_the_depth_check_takes_linear_time(piece: bytes) -> None:
    began = time.process_time()
    with pytest.raises(BadInput):
        decode(b"[" * 100 + b"{" * 29 + piece * 500_000)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("data", "field", "said"),
    [
        (b'{"size":"s3cret"}', "size", "size: Expected `int`, got `str`"),
        (b"{}", "size", "size: Object missing required field `size`"),
        (b'{"size":1,"kind":"s3cret\'\\n x"}', "kind", "kind: Invalid enum value"),
        (b"[]", "", "Expected `object`, got `array`"),
        (b'{"size":"\\ud800"}', "", "a field's name or value holds half a surrogate pair where it may not"),
    ],
)
def test_a_misfit_names_its_field(data: bytes, field: str, said: str) -> None:
    for strict in (False, True):
        with pytest.raises(BadInput) as refused:
            decode_as(Thing, data, strict=strict)
        assert (refused.value.field, refused.value.message) == (field, said)


def test_a_list_of_things_names_the_place() -> None:
    with pytest.raises(BadInput) as refused:
        decode_as(list[Thing], b'[{"size":1},{"size":{}}]')
    assert refused.value.field == "[1].size"


def test_an_unknown_field_with_controls_forges_no_line() -> None:
    class Closed(msgspec.Struct, forbid_unknown_fields=True):
        size: int = 0

    with pytest.raises(BadInput) as refused:
        decode_as(Closed, b'{"a\\nb":1}')
    assert refused.value.field == "a?b"
    assert "\n" not in refused.value.message


@pytest.mark.parametrize("data", [b'{"a":1,"a":1}', b'[{"b":{"c":1,"d":2,"c":3}}]', b'{"a":1,"\\u0061":2}'])
def test_equal_keys_are_refused_when_strict(data: bytes) -> None:
    assert decode(data) is not None
    with pytest.raises(BadInput, match="stands twice"):
        decode(data, strict=True)


def test_nul_is_refused_when_strict_and_its_place_named() -> None:
    with pytest.raises(BadInput) as refused:
        decode(rb'{"a":[1,{"b":"x\u0000"}]}', strict=True)
    assert refused.value.field == "a[1].b"
    with pytest.raises(BadInput):
        decode(rb'{"\u0000":1}', strict=True)
    assert decode(rb'"\\u0000"', strict=True) == "\\u0000"


@pytest.mark.promise(15)
@pytest.mark.parametrize("name", ["", "a\0", "a\nb", "\x7f", "\x85", "\u2028", "\ud800", "x" * 256])
def test_a_name_that_no_thing_may_have(name: str) -> None:
    with pytest.raises(BadInput, match=r"^key: ") as refused:
        check_name(name, "key")
    assert refused.value.message.isprintable()


@pytest.mark.parametrize("name", ["a", "x" * 255, "k/1", "a@b.c", "ü", "{a}", " ", "<script>", "😀"])
def test_a_name_that_may_be(name: str) -> None:
    assert check_name(name, "key") == name
