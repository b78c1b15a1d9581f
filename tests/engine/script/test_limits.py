"""A hostile script fails its own evaluation, with a message that names the limit, and leaves nothing to the next."""

import subprocess
import sys
from pathlib import Path

import pytest

from stagedoor.engine.definition import Json
from stagedoor.engine.embedded.script import Language, Limits, ScriptError, ScriptPool

pytestmark = pytest.mark.anyio

TIME, MEMORY, DEPTH, SIZE, NESTED = "longer than 0.6 s", "MB of memory", "recursed or nested", "larger than", "nested more than 100 deep"
EITHER = ("longer than 0.6 s", "MB of memory")

HOSTILE: list[tuple[Language, str, str | tuple[str, ...]]] = [
    ("javascript", "for(;;){}", TIME),
    ("javascript", "while (true) { try { for(;;); } catch (e) {} finally { continue } }", TIME),
    ("javascript", "new Array(2**28).fill(0)", EITHER),
    ("javascript", "let a = []; for(;;) a.push({})", EITHER),
    ("javascript", "new Uint8Array(2**27)", MEMORY),
    ("javascript", "'x'.repeat(2**30)", "invalid string length"),
    ("javascript", "'x'.padEnd(2**29)", MEMORY),
    ("javascript", "let s = 'x'; for(;;) s += s", "string too long"),
    ("javascript", "Array(1e9).sort()", TIME),
    ("javascript", "new Array(1e8).join('x')", TIME),
    ("javascript", "function f() { return f() + 1 } f()", DEPTH),
    ("javascript", "JSON.parse('['.repeat(1e6))", DEPTH),
    ("javascript", "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; a", (*EITHER, DEPTH)),
    ("javascript", "let a = []; for (let i = 0; i < 101; i++) a = [a]; a", NESTED),
    ("javascript", "/(a+)+$/.test('a'.repeat(40) + 'b')", TIME),
    ("javascript", "'x'.repeat(6e6)", SIZE),
    ("javascript", "({toJSON() { for(;;); }})", TIME),
    ("javascript", "throw {toString() { for(;;); }}", TIME),
    ("javascript", "Object.defineProperty({}, 'x', {enumerable: true, get() { for(;;); }})", TIME),
    ("javascript", "new Proxy({}, {ownKeys() { for(;;); }})", TIME),
    ("javascript", "BigInt(2) ** BigInt(1e8)", "BigInt is too large"),
    ("jq", "def f: f; f", TIME),
    ("jq", "def f: [f]; f", EITHER),
    ("jq", "[range(1e9)]", EITHER),
    ("jq", "[limit(1e9; repeat(1))]", EITHER),
    ("jq", "range(1e9)", (*EITHER, SIZE)),
    ("jq", "repeat(empty)", TIME),
    ("jq", '"a" * 1000000000', EITHER),
    ("jq", "reduce range(102) as $i (null; [.])", NESTED),
    ("jq", "reduce range(20000) as $i (null; [.])", (DEPTH, NESTED)),
    ("jq", "reduce range(1e7) as $i (null; [.])", (*EITHER, DEPTH, NESTED)),
    ("jq", '([range(40) | "a"] | add) + "b" | test("(a|aa)+$")', ("retry-limit", *EITHER)),
    ("jq", '[range(3000000) | "x"] | add', (*EITHER, SIZE)),
]


@pytest.mark.parametrize(("language", "source", "words"), HOSTILE)
async def test_a_hostile_script_fails_alone(pool: ScriptPool, language: Language, source: str, words: str | tuple[str, ...]) -> None:
    with pytest.raises(ScriptError) as failure:
        await pool.evaluate(language, source, {})
    assert any(word in failure.value.message for word in ([words] if isinstance(words, str) else words))
    assert await pool.evaluate("javascript", "$.x", {"x": 1}) == 1
    assert await pool.evaluate("jq", ".x", {"x": 1}) == [1]


async def test_memory_up_to_the_limit_is_fine() -> None:
    async with ScriptPool() as pool:  # with the usual time: this is about memory alone
        assert await pool.evaluate("javascript", "new Uint8Array(2**25).length", {}) == 2**25
        assert await pool.evaluate("jq", "[range(300000)] | length", None) == [300_000]


async def test_a_script_that_needs_most_of_its_time_has_it(pool: ScriptPool) -> None:
    assert await pool.evaluate("javascript", "const until = Date.now() + 300; while (Date.now() < until); 'done'", {}) == "done"


async def test_input_beyond_the_limits_is_refused() -> None:
    nested: Json = []
    for _ in range(100_000):
        nested = [nested]
    async with ScriptPool(1, Limits(input=5000)) as pool:
        with pytest.raises(ScriptError, match="larger than 5000 bytes"):
            await pool.evaluate("javascript", "1", "x" * 5000)
        with pytest.raises(ScriptError, match="nested too deeply"):
            await pool.evaluate("jq", "1", nested)


POLLUTION = """
globalThis.seen = 1; var left = 2
Object.prototype.toJSON = () => 'mine'; Object.prototype.x = 'mine'; Array.prototype.map = null; Math.random = () => 4
delete globalThis.Date
undefined;
"""
LOOK = "[typeof seen, typeof left, ({}).x === undefined, typeof [].map, Math.random() < 1, typeof Date]"


async def test_nothing_of_a_script_is_left_for_the_next() -> None:
    async with ScriptPool(1) as pool:
        await pool.evaluate("javascript", POLLUTION, {})
        assert await pool.evaluate("javascript", LOOK, {}) == ["undefined", "undefined", True, "function", True, "function"]
        assert await pool.evaluate("javascript", POLLUTION + LOOK, {}) == "mine"  # within one evaluation it does show


async def test_jq_sees_no_environment_while_without_the_pool_it_does(pool: ScriptPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGEDOOR_MASTER_KEY", "canary")
    assert await pool.evaluate("jq", "$ENV, env, env.STAGEDOOR_MASTER_KEY", None) == [{}, {}, None]
    assert plain_jq("$ENV.STAGEDOOR_MASTER_KEY") == "canary"


async def test_jq_reads_no_file_while_without_the_pool_it_does(pool: ScriptPool, tmp_path: Path) -> None:
    (tmp_path / "module.jq").write_text("def give: 7;")
    (tmp_path / "data.json").write_text('{"a": 1}')
    library = f'{{search: "{tmp_path}"}}'
    for source in (
        f'import "module" as m {library}; m::give',
        f'include "module" {library}; give',
        f'import "data" as $d {library}; $d',
        f'"{tmp_path}/module" | modulemeta',
    ):
        with pytest.raises(ScriptError):
            await pool.evaluate("jq", source, None)
    assert await pool.evaluate("jq", "input_filename", None) == [None]
    assert plain_jq(f'include "module" {library}; give') == "7"


def plain_jq(source: str) -> str:
    """The program's first result in an ordinary process."""
    program = "import jq, sys; print(jq.first(sys.argv[1], None))"
    return subprocess.run([sys.executable, "-c", program, source], check=True, capture_output=True, text=True).stdout.strip()
