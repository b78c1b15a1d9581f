"""`/v1/end-users`: the five operations, each answer as the contract's document says."""

import re

import pytest

from tests.v1.contract import DOCUMENT, conforms, problems
from tests.v1.shop import Shop, customer


def test_an_end_user_is_created_listed_retrieved_and_deleted(shop: Shop) -> None:
    wanted = customer(companyName="Ümlaut & Sons")
    made = shop.call("POST", "/end-users", wanted)
    assert {name: made[name] for name in wanted} == wanted
    assert re.fullmatch(r"end_usr_[0-9a-z]{20,}", made["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", made["createdAt"])
    assert made["integrationConnections"] == []
    assert made in shop.call("GET", "/end-users")["data"]
    assert shop.call("GET", f"/end-users/{made['id']}") == made
    assert shop.call("DELETE", f"/end-users/{made['id']}") == {"id": made["id"], "objectType": "end_user", "deleted": True}
    assert made not in shop.call("GET", "/end-users")["data"]
    assert shop.refused("GET", f"/end-users/{made['id']}")[:2] == (404, "RESOURCE_MISSING")
    assert shop.refused("DELETE", f"/end-users/{made['id']}")[:2] == (404, "RESOURCE_MISSING")


def test_a_source_id_is_taken_once_and_free_again_when_its_end_user_is_gone(shop: Shop) -> None:
    made = shop.customer()
    again = customer(sourceId=made["sourceId"])
    status, code, message = shop.refused("POST", "/end-users", again)
    assert (status, code, message.startswith("sourceId")) == (400, "SOURCE_ID_TAKEN", True)
    shop.call("DELETE", f"/end-users/{made['id']}")
    assert shop.call("POST", "/end-users", again)["id"] != made["id"]


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    ("body", "named"),
    [
        (customer(plan="gold"), 'Unrecognized keys: "plan"'),
        ({"companyName": "Acme", "email": "a@acme.test"}, "sourceId"),
        (customer(companyName=7), "companyName"),
        (customer(email=None), "email"),
        (customer(sourceId=""), "sourceId"),
        (customer(companyName="a\u0000b"), "companyName"),
        (customer(sourceId="x" * 256), "sourceId"),
        (b'{"companyName": "a", "companyName": "b"}', "companyName"),
        (b"[]", "object"),
        (b"{", "JSON"),
        (b"", "JSON"),
    ],
)
def test_what_is_wrong_with_a_body_is_named(shop: Shop, body: object, named: str) -> None:
    status, code, message = shop.refused("POST", "/end-users", body)
    assert (status, code) == (400, "REQUEST_INVALID")
    assert named in message


def test_a_body_that_is_too_large_is_refused_in_the_same_shape(shop: Shop) -> None:
    assert shop.refused("POST", "/end-users", customer(companyName="x" * 70_000))[:2] == (413, "REQUEST_TOO_LARGE")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/quickbooks-desktop/health-check"),
        ("GET", "/quickbooks-desktop/invoices"),
        ("POST", "/quickbooks-desktop/invoices"),
        ("POST", "/end-users/{id}/passthrough/quickbooks_desktop"),
        ("GET", "/end-users/{id}/ping/quickbooks_desktop"),
        ("GET", "/auth-sessions/auth_sess_1"),
    ],
)
def test_what_is_out_of_scope_is_not_there(shop: Shop, method: str, path: str) -> None:
    found = path.replace("{id}", shop.customer()["id"])
    answer = shop.http.request(method, f"/v1{found}", headers={"Authorization": f"Bearer {shop.key['secretKey']}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "RESOURCE_MISSING")
    assert answer.headers["conductor-request-id"] == answer.json()["error"]["requestId"]


def test_another_method_is_refused_in_the_same_shape(shop: Shop) -> None:
    answer = shop.http.put("/v1/end-users", json={})
    assert conforms(answer, "put", "/end-users")["error"]["code"] == "METHOD_NOT_ALLOWED"
    assert answer.status_code == 405


def test_the_document_would_refuse_an_answer_that_is_not_as_it_says(shop: Shop) -> None:
    schema = "#/components/schemas/end_user"
    made = shop.customer()
    assert problems(made, schema) == []
    assert problems(made | {"extra": 1}, schema) and problems(made | {"objectType": "user"}, schema)
    connection = {
        "id": "int_conn_1", "objectType": "integration_connection", "createdAt": "now", "integrationSlug": "crm",
        "lastRequestAt": None, "lastSuccessfulRequestAt": None,
    }  # fmt: skip
    assert problems(made | {"integrationConnections": [connection]}, schema) == []
    assert problems(made | {"integrationConnections": [connection | {"lastRequestAt": 1}]}, schema)


def test_every_operation_of_the_document_is_a_route() -> None:
    from stagedoor.api.routes import ROUTES

    served = {(route.method, route.path) for route in ROUTES}
    wanted = {(method.upper(), f"/v1{path}") for path, operations in DOCUMENT["paths"].items() for method in operations}
    assert len(wanted) == 7
    assert wanted <= served
