"""`${workflow.env.NAME}`, UPDATE_SECRET and the names that are not shown, as `decide` sees them."""

import pytest

from stagedoor.engine.definition import Json, TaskDefinition
from stagedoor.engine.embedded.budget import Withheld
from stagedoor.engine.embedded.decision import ChildEnded, KeepSecret, PutTask
from stagedoor.engine.embedded.expression import Document, resolve, variables
from stagedoor.engine.embedded.rows import pack
from tests.engine.decide.driver import Play, definition, node

VALUES = {"REGION": "eu", "CONFIG": '{"a": [1, {"b": "x"}], "$": 5, "n": null}', "BAD": "{", "TEXT": '"quoted"'}
ROOTS: dict[str, Json] = {"workflow": {"input": {"name": "REGION", "text": "${workflow.env.REGION}", "half": "${workflow.env."}}}


def value(template: Json) -> Json:
    return resolve(template, Document(ROOTS, "task-1", VALUES.get))


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("${workflow.env.REGION}", "eu"),
        ("https://${workflow.env.REGION}.example/", "https://eu.example/"),
        ("${workflow.env.CONFIG}", VALUES["CONFIG"]),
        ("${workflow.env.CONFIG.a[0]}", 1),
        ("${workflow.env.CONFIG.a[1].b}", "x"),
        ("${workflow.env.CONFIG.$.a[1].b}", "x"),
        ("${workflow.env.CONFIG.$}", {"a": [1, {"b": "x"}], "$": 5, "n": None}),
        ("${workflow.env.CONFIG.n}", None),
        ("${workflow.env.TEXT.$}", "quoted"),
        ("${workflow.env.BAD.$}", None),
        ("${workflow.env.REGION.x}", None),
        ("${workflow.env.MISSING}", None),
        ("<${workflow.env.MISSING}>", "<null>"),
        ("$${workflow.env.REGION}!", "${workflow.env.REGION}!"),
        ("${workflow.env}", None),
        ("${CPEWF_TASK_ID}", "task-1"),
    ],
)
def test_variables_resolve_as_the_contract_says(template: str, found: Json) -> None:
    assert value(template) == found


@pytest.mark.promise(6)
@pytest.mark.parametrize(
    "template",
    ["${workflow.input.text}", "${workflow.input.half}REGION}", "${workflow.env.${workflow.input.name}}", "${${workflow.input.text}}"],
)
def test_data_names_no_variable(template: str) -> None:
    assert value(template) != "eu" and value(f"<{template}>") != "<eu>"


def test_the_names_in_a_template_are_exactly_those_it_asks_for() -> None:
    asked: list[str] = []
    texts = [
        "${workflow.env.A}-${t.output.${workflow.env.B}}",
        "$${workflow.env.C}",
        "${workflow.env.D.x}${workflow.env.${workflow.env.E}}",
    ]
    document = Document(ROOTS, environment=lambda name: asked.append(name))  # type: ignore[func-returns-value]
    resolve(texts, document)
    assert sorted(set(asked)) == ["A", "B", "D", "E"] == sorted({name for text in texts for name in variables(text)})


def test_a_task_definitions_template_sees_none() -> None:
    template = TaskDefinition(name="one", input_template={"a": "${workflow.env.REGION}", "b": "${workflow.input.x}"})
    play = Play(definition(node("one", input={"c": "${workflow.env.REGION}"})), {"x": 1}, [template])
    play.environment |= VALUES
    task = play.start().task("one")
    assert (task.input_data["c"], task.input_data["b"]) == ("eu", 1)
    assert "eu" not in str(task.input_data["a"])


def withheld(name: str) -> str | None:
    raise Withheld(f"nobody may READ {name}")


@pytest.mark.parametrize("kind", ["SIMPLE", "HTTP", "SET_VARIABLE", "INLINE", "WAIT"])
def test_a_variable_that_may_not_be_used_fails_the_task(kind: str) -> None:
    play = Play(definition(node("one", kind, input={"x": "${workflow.env.REGION}", "expression": "1"}), outputParameters={"a": 1}))
    play.environment = type("Shut", (dict,), {"get": lambda self, name: withheld(name)})()
    play.start()
    assert (play.task("one").status, play.run.status) == ("FAILED_WITH_TERMINAL_ERROR", "FAILED")
    assert "nobody may READ REGION" in (play.task("one").reason_for_incompletion or "")


def test_a_variable_that_may_not_be_used_in_the_output_fails_the_run() -> None:
    play = Play(definition(node("one", "NOOP"), outputParameters={"x": "${workflow.env.REGION}"}))
    play.environment = type("Shut", (dict,), {"get": lambda self, name: withheld(name)})()
    play.start()
    assert (play.run.status, play.run.output) == ("FAILED", {})
    assert "nobody may READ REGION" in (play.run.reason_for_incompletion or "")


# ---- UPDATE_SECRET
def update(key: Json, given: Json, **more: Json) -> dict[str, Json]:
    return node("up", "UPDATE_SECRET", input={"_secrets": {"secretKey": key, "secretValue": given}, **more})


@pytest.mark.promise(7)
@pytest.mark.parametrize(
    ("given", "kept"), [("a-token-of-some-length", "a-token-of-some-length"), ({"a": [1, "x"]}, '{"a":[1,"x"]}'), (12, "12"), ("", "")]
)
def test_the_value_goes_to_the_door_and_is_not_stored(given: Json, kept: str) -> None:
    play = Play(definition(update("${workflow.input.key}", "${workflow.input.token}")), {"key": "name", "token": given})
    play.start()
    (command,) = [one for one in play.log if isinstance(one, KeepSecret)]
    assert (command.name, command.value.reveal(), command.task_id) == ("name", kept, play.task("up").task_id)
    assert kept not in repr(command) or len(kept) < 3
    stored = [pack(one.task) for one in play.log if isinstance(one, PutTask)]
    assert stored and not any("a-token-of-some-length" in text for text in stored)
    assert play.task("up").input_data == {"_secrets": {"secretKey": "name", "secretValue": "***"}}
    play.perform("up")
    assert (play.run.status, play.task("up").output_data) == ("COMPLETED", {})


def test_a_refusal_fails_the_run_for_good() -> None:
    play = Play(definition(update("name", "value"), node("after", "NOOP")))
    play.start()
    play.perform("up", error="403: no right", terminal=True)
    assert (play.run.status, play.statuses()) == ("FAILED", {"up": "FAILED_WITH_TERMINAL_ERROR"})
    assert "403: no right" in (play.run.reason_for_incompletion or "")


@pytest.mark.parametrize(
    ("key", "given", "missing"), [(None, "v", "secretKey"), ("", "v", "secretKey"), (5, "v", "secretKey"), ("name", None, "secretValue")]
)
def test_without_a_name_or_a_value_nothing_is_put(key: Json, given: Json, missing: str) -> None:
    play = Play(definition(update("${workflow.input.key}", "${workflow.input.token}")), {"key": key, "token": given})
    play.start()
    assert not [one for one in play.log if isinstance(one, KeepSecret)]
    assert (play.run.status, play.task("up").reason_for_incompletion) == ("FAILED", f"_secrets.{missing} is missing")


# ---- names that are not shown
def test_what_a_child_does_not_show_its_parent_does_not_show_either() -> None:
    play = Play(definition(node("sub", "SUB_WORKFLOW", subWorkflowParam={"name": "child"})), masked_fields=["own"])
    play.start()
    task = play.task("sub")
    play.send(ChildEnded(task_id=task.task_id, child_id=task.sub_workflow_id or "", status="COMPLETED", masked_fields=["theirs", "own"]))
    assert (play.run.status, play.run.masked_fields) == ("COMPLETED", ["own", "theirs"])
