"""What scripts and filters give for what they get."""

import pytest

from stagedoor.engine.definition import Json
from stagedoor.engine.embedded.script import ScriptError, ScriptPool

pytestmark = pytest.mark.anyio

HARD_TEXT = 'nul \0, lone surrogates \ud800 and \udfff, é, 漢, 😀, \U0010ffff, \u2028, "quotes" and \\'

EXPRESSIONS: list[tuple[str, Json, Json]] = [
    ("$.x + 1", {"x": 1}, 2),
    ("$.a.b[1].c", {"a": {"b": [0, {"c": "deep"}]}}, "deep"),
    ("if ($.n < 3) { true; } else { false;} ", {"n": 2}, True),
    ("function e(){ return $.xml.substring(6); } e();", {"xml": "<Rate>82.10"}, "82.10"),
    ("(function () { if ($.n < 3) {return true;} return false; })();", {"n": 3}, False),
    ("(function () { return { a: [1, 2.5, null], b: 'x' }; })()", {}, {"a": [1, 2.5, None], "b": "x"}),
    ("({ someKey: 'someValue' })", {}, {"someKey": "someValue"}),
    ("$.list.get($.iterator - 1)", {"list": ["a", "b"], "iterator": 2}, "b"),
    ("[$.list.size(), $.list.contains(2), $.list.isEmpty()]", {"list": [1, 2]}, [2, True, False]),
    ("for (const i in $.list) { if (i === 'get') throw 'seen' } Object.keys($.list)", {"list": [7]}, ["0"]),
    ("console.log('to nowhere'); 5", {}, 5),
    ("'use strict'; let x = 1; const y = 2; x + y", {}, 3),
    ("undefined", {}, None),
    ("$.missing", {}, None),
    ("(function () { return 1 })", {}, None),
    ("null", {}, None),
    ("[1, undefined, NaN, Infinity]", {}, [1, None, None, None]),
    ("({a: undefined, b: 1})", {}, {"b": 1}),
    ("9007199254740991", {}, 9007199254740991),
    ("'' + 0.1", {}, "0.1"),
    (
        "[typeof Date.now(), Math.random() < 1, typeof require, typeof std, typeof os, typeof process]",
        {},
        ["number", True] + ["undefined"] * 4,
    ),
    ("new Date(0).toISOString() + new Date().getTimezoneOffset()", {}, "1970-01-01T00:00:00.000Z0"),
    ("$", [1, 2], [1, 2]),
    ("$", "text", "text"),
    ("$", None, None),
    ("'a line'\n// a comment at the end", {}, "a line"),
    ("({toJSON() { return 'as it says' }})", {}, "as it says"),
    ("JSON.stringify = () => 'mine'; JSON.parse = null; globalThis.eval = null; ({a: 1})", {}, {"a": 1}),
]

FILTERS: list[tuple[str, Json, list[Json]]] = [
    (".a", {"a": 1}, [1]),
    (".[]", [1, "b", None], [1, "b", None]),
    ("empty", {}, []),
    ("map(.name)", [{"name": "n"}], [["n"]]),
    ("{ out: (.in1 + .in2) }", {"in1": [1], "in2": [2]}, [{"out": [1, 2]}]),
    (".failed.tasks // [] | length", {}, [0]),
    ("def twice: . * 2; twice # doubles", 4, [8]),
    ("1, 2 # a comment at the end", None, [1, 2]),
    (".big, 100000000000000000001", {"big": 9007199254740993}, [9007199254740993, 100000000000000000001]),
    (". as $i | $i.x | tojson | fromjson", {"x": [1.5]}, [[1.5]]),
    ("halt", 1, []),
]


@pytest.mark.parametrize(("source", "given", "value"), EXPRESSIONS)
async def test_javascript_gives_the_last_expression(pool: ScriptPool, source: str, given: Json, value: Json) -> None:
    assert await pool.evaluate("javascript", source, given) == value


@pytest.mark.parametrize(("source", "given", "values"), FILTERS)
async def test_jq_gives_all_results(pool: ScriptPool, source: str, given: Json, values: list[Json]) -> None:
    assert await pool.evaluate("jq", source, given) == values


async def test_any_text_survives_the_way_there_and_back(pool: ScriptPool) -> None:
    given = {"text": HARD_TEXT, HARD_TEXT: ["\ud83d", "\ude00", "\ud83d\ude00"[:1]]}
    assert await pool.evaluate("javascript", "$", given) == given
    assert await pool.evaluate("jq", ".", given) == [given]
    assert await pool.evaluate("jq", ".text", given) == [HARD_TEXT]
    assert await pool.evaluate("javascript", "'" + "\0 \ud800 😀'", {}) == "\0 \ud800 😀"


async def test_private_characters_stay_what_they_are_beside_lone_surrogates_in_jq(pool: ScriptPool) -> None:
    given = ["\ud800", "\U000f0000", "\U0010ffff", "\U00100000"]
    assert await pool.evaluate("jq", ".", given) == [given]


async def test_large_values_pass(pool: ScriptPool) -> None:
    given = {"rows": [{"n": n, "text": "é" * 50} for n in range(8_000)]}
    assert await pool.evaluate("javascript", "$.rows.slice(5, 7999).length", given) == 7_994
    assert await pool.evaluate("jq", ".rows | map(.n) | add", given) == [31_996_000]
    assert await pool.evaluate("javascript", "'x'.repeat(5e6)", {}) == "x" * 5_000_000


FAILURES = [
    ("javascript", "null.x", "TypeError: cannot read property 'x' of null"),
    ("javascript", "throw 'words'", "words"),
    ("javascript", "throw new Error('mine')", "Error: mine"),
    ("javascript", "a b", "SyntaxError"),
    ("javascript", "return 1", "SyntaxError"),
    ("javascript", "nothing", "ReferenceError: nothing is not defined"),
    ("javascript", "10n", "TypeError: BigInt"),
    ("javascript", "var a = {}; a.a = a; a", "circular reference"),
    ("javascript", "throw Symbol('x')", "cannot be shown"),
    ("javascript", "throw {toString() { throw 1 }}", "cannot be shown"),
    ("javascript", "({toJSON() { throw new Error('no') }})", "Error: no"),
    ("javascript", "import 'fs'", "SyntaxError"),
    ("jq", ".a | error", "null"),
    ("jq", 'error("mine")', "mine"),
    ("jq", "{", "jq: error: syntax error"),
    ("jq", "1) | (2", "jq: error: syntax error"),
    ("jq", "nothing", "nothing/0 is not defined"),
    ("jq", ". + 1 | .[0]", "cannot be"),
    ("jq", "1e1000", "not valid JSON"),
]


@pytest.mark.parametrize(("language", "source", "words"), FAILURES)
async def test_a_scripts_own_failure_says_why(pool: ScriptPool, language: str, source: str, words: str) -> None:
    with pytest.raises(ScriptError) as failure:
        await pool.evaluate(language, source, {"a": None})  # type: ignore[arg-type]
    assert words in failure.value.message
    assert await pool.evaluate("javascript", "1", {}) == 1
