"""The OpenAPI document and the page made from it."""

import json

from stagedoor.api.docs_page import STYLE_PATH, page
from stagedoor.api.openapi import document
from stagedoor.api.router import Options, Parameter, Route
from tests.api.floor.live import Seen, Thing, echo, routes


def test_every_route_has_its_operation() -> None:
    made = document(routes(Seen()), title="Stagedoor", version="1", describe=lambda rule: f"asks for {rule}")
    operations = {(method.upper(), path) for path, methods in made["paths"].items() for method in methods}
    assert operations == {(route.method, route.path) for route in routes(Seen())}
    identifiers = [operation["operationId"] for methods in made["paths"].values() for operation in methods.values()]
    assert len(identifiers) == len(set(identifiers))
    assert made["openapi"] == "3.1.0"
    assert json.loads(json.dumps(made)) == made


def test_an_operation_tells_rule_parameters_body_and_answer() -> None:
    options = Options(query=[Parameter("access", many=True), Parameter("count", int)], answer=list[Thing])
    made = document([Route("POST", "/api/things/{id}", echo, "READ", Thing, options=options)], title="t", version="1")
    operation = made["paths"]["/api/things/{id}"]["post"]
    assert operation["description"] == "READ"
    assert [(one["in"], one["name"], one["schema"]["type"]) for one in operation["parameters"]] == [
        ("path", "id", "string"),
        ("query", "access", "array"),
        ("query", "count", "integer"),
    ]
    assert operation["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Thing"}
    assert operation["responses"]["200"]["content"]["application/json"]["schema"]["items"] == {"$ref": "#/components/schemas/Thing"}
    assert made["components"]["schemas"]["Thing"]["required"] == ["name"]
    assert all(reference in made["components"]["schemas"] for reference in ("OrkesProblem", "FlatProblem", "NestedProblem"))


def test_the_page_runs_no_script_and_escapes_what_it_shows() -> None:
    routes_ = [Route("GET", "/api/x", echo, "<script>alert(1)</script>"), Route("POST", "/api/x", echo, "r", Thing)]
    response = page(document(routes_, title="<b>", version="1"))
    text = response.body.decode()
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert f'href="{STYLE_PATH}"' in text
    policy = dict(response.headers)[b"content-security-policy"].decode()
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http://" not in text
    assert "https://" not in text
