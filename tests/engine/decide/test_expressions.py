"""Parameter expressions: paths, whole strings and mixed ones, nesting, escapes, and what is never resolved."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagedoor.engine.definition import Json
from stagedoor.engine.embedded.expression import Document, resolve
from stagedoor.engine.embedded.javatext import java_text, java_truth
from stagedoor.engine.embedded.path import read

ROOTS: dict[str, Json] = {
    "workflow": {
        "input": {"x": 1, "text": "${workflow.input.x}", "half": "${workflow.", "key": "x", "none": None, "a b": 2},
        "variables": {},
    },
    "t1": {
        "output": {
            "list": [{"x": 1, "n": "p"}, {"x": 2}, {"x": 3}],
            "response": {"headers": {"X-Backside-Transport": ["OK", "FAIL"]}, "body": "<Rate>"},
            "nested": {"a": [1, [2, None]], "b": {"c": True}},
        },
        "iteration": 4,
    },
}
DOCUMENT = Document(ROOTS, "task-1", {"REGION": "eu", "CONFIG": '{"a": [1, 2]}', "BAD": "{"}.get)


def value(template: Json) -> Json:
    return resolve(template, DOCUMENT)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("workflow.input.x", 1),
        ("t1.output.list[0].x", 1),
        ("t1.output.list[-1].x", 3),
        ("t1.output.list[7].x", None),
        ("t1.output.response.headers.X-Backside-Transport[0]", "OK"),
        ("t1['iteration']", 4),
        ('t1["output"].response.body', "<Rate>"),
        ("workflow.input['a b']", 2),
        ("$.workflow.input.x", 1),
        ("t1.output.list[*].x", [1, 2, 3]),
        ("t1.output.list[?(@.x > 1)].x", [2, 3]),
        ("t1.output.list[?(@.n == 'p')]", [{"x": 1, "n": "p"}]),
        ("t1.output.list[0:2].x", [1, 2]),
        ("t1.output..c", [True]),
        ("t1.output.list.length()", 3),
        ("t1.output.nested.b.keys()", ["c"]),
        ("t1.output.nested.a.length().x", None),
        ("t1.output.response.body.x", None),
        ("t1.output.list.x", None),
        ("nobody.output.x", None),
        ("t1.output.missing[*]", []),
        ("t1.output.list[?(@.n =~ /p/)]", None),
        ("t1.output.list[", None),
        ("a b", None),
        (".", None),
        ("t1..output..x", None),
        ("t1." + "output." * 200, None),
    ],
)
def test_paths(path: str, found: Json) -> None:
    assert read(path, ROOTS) == found


@pytest.mark.parametrize(
    ("template", "result"),
    [
        ("plain", "plain"),
        ("${workflow.input.x}", 1),
        ("${workflow.input.missing}", None),
        ("${}", ""),
        ("${  }", ""),
        ("x=${workflow.input.x}", "x=1"),
        ("${workflow.input.x}${workflow.input.x}", "11"),
        ("a ${workflow.input.missing} b", "a null b"),
        ("a${}b", "ab"),
        ("${t1.output.nested} ", "{a=[1, [2, null]], b={c=true}} "),
        ("${workflow.input.${workflow.input.key}}", 1),
        ("v ${workflow.input.${workflow.input.key}}", "v 1"),
        ("${t1.output.${workflow.input.missing}}", None),
        ("$${workflow.input.x}", "${workflow.input.x}"),
        ("a $${b} ${workflow.input.x}", "a ${b} 1"),
        ("$$${workflow.input.x}", "$${workflow.input.x}"),
        ("${workflow.input.x", "${workflow.input.x"),
        ("${a ${workflow.input.x}", "${a 1"),
        ("#{stagedoor:00000000-0000-0000-0000-000000000000}", "#{stagedoor:00000000-0000-0000-0000-000000000000}"),
        ("${CPEWF_TASK_ID}", "task-1"),
        ("${workflow.env.REGION}", "eu"),
        ("in ${workflow.env.NOWHERE}", "in null"),
        ("${workflow.env.CONFIG.a[1]}", 2),
        ("${workflow.env.BAD.a}", None),
        ({"a": ["${workflow.input.x}", {"b": "${t1.iteration}"}], "${k}": True, "n": 1.5}, {"a": [1, {"b": 4}], "${k}": True, "n": 1.5}),
    ],
)
def test_templates(template: Json, result: Json) -> None:
    assert value(template) == result


@pytest.mark.parametrize("text", ["${workflow.secrets.X}", "Bearer ${workflow.secrets.X}", "${workflow.secrets.${workflow.input.key}}"])
def test_references_to_secrets_stay_text(text: str) -> None:
    assert value(text) == text


@pytest.mark.parametrize("template", ["${workflow.input.text}", "<${workflow.input.text}>", "${workflow.input.half}secrets.X}"])
def test_what_comes_out_of_data_is_never_resolved_again(template: str) -> None:
    assert "${workflow." in str(value(template))


def test_the_environment_of_the_process_is_never_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_SERVER", "leaked")
    assert os.environ["SECRET_OF_THE_SERVER"] == "leaked"
    for template in (
        "${SECRET_OF_THE_SERVER}",
        "${${workflow.input.key}}",
        "${workflow.env.SECRET_OF_THE_SERVER}",
        "${PATH}",
        "${NETFLIX_ENV}",
    ):
        assert value(template) is None


def test_a_path_put_together_from_data_can_only_be_plain() -> None:
    roots = {"workflow": {"input": {"evil": "list[?(@.x > 0)]", "index": 1}}, "t1": ROOTS["t1"]}
    assert resolve("${t1.output.list[?(@.x > 0)]}", Document(roots)) != []
    assert resolve("${t1.output.${workflow.input.evil}}", Document(roots)) is None
    assert resolve("${t1.output.list[${workflow.input.index}].x}", Document(roots)) == 2


def test_nesting_has_an_end() -> None:
    assert isinstance(value("${" * 500 + "x" + "}" * 500), str | None)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, "1.0"), (0.1, "0.1"), (-2.5, "-2.5"), (1e7, "1.0E7"), (123456789.125, "1.23456789125E8"), (9999999.0, "9999999.0"),
        (0.001, "0.001"), (0.0001, "1.0E-4"), (1.5e300, "1.5E300"), (0.0, "0.0"), (10**30, "1" + "0" * 30),
        (True, "true"), (None, "null"), (-0.0, "-0.0"),
    ],
)  # fmt: skip
def test_values_are_written_as_java_writes_them(number: Json, text: str) -> None:
    assert java_text(number) == text


def test_deep_values_are_cut_short() -> None:
    deep: Json = 1
    for _ in range(5000):
        deep = [deep]
    assert java_text(deep).endswith("...]" + "]" * 100)


@pytest.mark.parametrize(
    ("value", "truth"), [(True, True), (1, True), (0.1, True), (-1, False), ("true", False), ({}, False), (None, False)]
)
def test_what_counts_as_true(value: Json, truth: bool) -> None:
    assert java_truth(value) is truth


@given(st.text(alphabet="${}ab.[]'\"()?*@:,- \\w1", max_size=40))
def test_no_template_raises(template: str) -> None:
    resolve(template, DOCUMENT)
    resolve("${" + template + "}", DOCUMENT)


@given(st.text(max_size=20), st.text(max_size=20))
def test_text_without_expressions_is_left_as_it_is(before: str, after: str) -> None:
    text = before + after
    if "${" not in text:
        assert value(text) == text
