"""References and markers as text, and their places."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagedoor.kit.template import MARKER, Reference, map_strings, marker_counts, marker_text, pointer, references, strings

ID = "6ecd4d11-bd9e-4d13-9a5e-5a8b1b0f1b0a"
names = st.text(st.characters(blacklist_categories=("Cs", "Z", "Cc"), blacklist_characters=".${}"), min_size=1, max_size=12)
leaves = st.none() | st.integers() | st.text(max_size=8)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("${workflow.secrets.a}", [("a", None)]),
        ("x${workflow.secrets.a-b_1}y${workflow.secrets.c/d}", [("a-b_1", None), ("c/d", None)]),
        ("${workflow.secrets.a.b.c[0]}", [("a", "b.c[0]")]),
        ("${workflow.secrets.a@b}", [("a@b", None)]),
        ("${workflow.secrets.a.$.b}", [("a", "$.b")]),
        ("${workflow.secrets.a.$[0]['b c']}", [("a", "$[0]['b c']")]),
        ("${workflow.secrets.a.$}", [("a", "$")]),
        ("${workflow.secrets.a.$b}", []),
        ("${workflow.secrets.a.b$}", []),
        ("${workflow.secrets.a.}", []),
        ("$${workflow.secrets.a}", []),
        ("${workflow.secrets.}", []),
        ("${workflow.secrets}", []),
        ("${workflow.secrets.a", []),
        ("${ workflow.secrets.a}", []),
        ("${workflow.input.secrets.a}", []),
        ("${x.secrets.a}", []),
        ("$ {workflow.secrets.a}", []),
    ],
)
def test_what_is_a_reference(text: str, found: list[tuple[str, str | None]]) -> None:
    assert [tuple(reference) for _, reference in references(text)] == found


@given(names, st.none() | names)
def test_a_reference_is_read_back_as_it_is_written(name: str, path: str | None) -> None:
    assert [reference for _, reference in references({"k": [f"a{Reference(name, path).text()}b"]})] == [Reference(name, path)]


def test_places_are_json_pointers() -> None:
    value = {"a/b": [{"m~n": "${workflow.secrets.x}"}], "": "${workflow.secrets.y}", "n": 1}
    assert [(place, reference.name) for place, reference in references(value)] == [("/a~1b/0/m~0n", "x"), ("/", "y")]
    assert pointer("/a", "b/~") == "/a/b~1~0"


@given(values)
def test_mapping_with_the_same_strings_changes_nothing_and_sees_each_place_once(value: object) -> None:
    seen: list[tuple[str, str]] = []

    def keep(place: str, text: str) -> str:
        seen.append((place, text))
        return text

    assert map_strings(value, keep) == value
    assert seen == list(strings(value))
    assert len({place for place, _ in seen}) == len(seen)


def test_markers_are_counted_each_by_itself() -> None:
    other = ID.replace("6", "7")
    text = f"{marker_text(ID)}-{marker_text(other)}-{marker_text(ID)} #{{stagedoor:x}} #{{stagedoor:{ID.upper()}}}"
    assert marker_counts(text) == {ID: 2, other: 1}
    assert MARKER.fullmatch(marker_text(ID))
