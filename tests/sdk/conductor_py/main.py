"""Every check of the official conductor-py, configured by its own variables (CONDUCTOR_SECRET_KEY, CONDUCTOR_BASE_URL): one JSON line each.

Each request carries the check's name in `X-Check`, so that the server can count what was sent (tests/sdk/test_conductor_py.py).
"""

import asyncio
import importlib.metadata
import json
import os
import traceback
import uuid
from collections.abc import Callable

import conductor
from conductor import AsyncConductor, AuthenticationError, BadRequestError, Conductor, NotFoundError

PUBLISHABLE = os.environ["PUBLISHABLE_KEY"]
CHECKS: list[Callable[[Conductor], None]] = []


def check(body: Callable[[Conductor], None]) -> Callable[[Conductor], None]:
    CHECKS.append(body)
    return body


def customer(client: Conductor, source: str = "") -> conductor.types.EndUser:
    return client.end_users.create(company_name="Acme", source_id=source or uuid.uuid4().hex, email="a@acme.test")


def refused(kind: type[conductor.APIStatusError], status: int, code: str, call: Callable[[], object]) -> dict[str, object]:
    """The error's body, which must be of this kind and code."""
    problem = raised(call)
    assert type(problem) is kind, f"{kind.__name__} expected, {problem!r} came"
    error = problem.body["error"]
    assert (problem.status_code, error["code"], error["httpStatusCode"]) == (status, code, status), error
    assert problem.response.headers["conductor-request-id"] == error["requestId"]
    return error


def raised(call: Callable[[], object]) -> conductor.APIStatusError | None:
    try:
        call()
    except conductor.APIStatusError as problem:
        return problem
    return None


@check
def end_users_are_created_listed_retrieved_and_deleted(client: Conductor) -> None:
    made = customer(client)
    assert made.id.startswith("end_usr_") and made.object_type == "end_user" and made.integration_connections == []
    assert made.id in [one.id for one in client.end_users.list().data]
    found = client.end_users.retrieve(made.id)
    assert (found.company_name, found.source_id, found.email, found.created_at) == ("Acme", made.source_id, "a@acme.test", made.created_at)
    gone = client.end_users.delete(made.id)
    assert (gone.id, gone.deleted) == (made.id, True)
    assert made.id not in [one.id for one in client.end_users.list().data]


@check
def an_auth_session_is_created(client: Conductor) -> None:
    made = customer(client)
    session = client.auth_sessions.create(
        end_user_id=made.id, publishable_key=PUBLISHABLE, link_expiry_mins=60 * 24, redirect_url="https://acme.test/back"
    )
    assert session.client_secret.startswith("auth_sess_client_secret_") and session.end_user_id == made.id
    assert session.auth_flow_url.endswith(f"/connect/{session.client_secret}?key={PUBLISHABLE}")
    assert session.redirect_url == "https://acme.test/back"
    assert client.auth_sessions.create(end_user_id=made.id, publishable_key=PUBLISHABLE).redirect_url is None


@check
def every_answer_names_its_request(client: Conductor) -> None:
    raw = client.end_users.with_raw_response.list()
    assert raw.headers["conductor-request-id"].startswith("req_") and raw.parse().object_type == "list"


@check
def a_taken_source_id_is_a_bad_request(client: Conductor) -> None:
    made = customer(client)
    error = refused(BadRequestError, 400, "SOURCE_ID_TAKEN", lambda: customer(client, made.source_id))
    assert error["type"] == "INVALID_REQUEST_ERROR"


@check
def a_conflict_would_be_sent_three_times(client: Conductor) -> None:
    """What the server's 400 spares it: the header has the counter in front of it answer 409 instead."""
    problem = raised(lambda: client.end_users.retrieve("end_usr_none", extra_headers={"X-Turn": "409"}))
    assert type(problem) is conductor.ConflictError


@check
def an_unknown_id_is_not_found(client: Conductor) -> None:
    for call in (client.end_users.retrieve, client.end_users.delete):
        refused(NotFoundError, 404, "RESOURCE_MISSING", lambda call=call: call("end_usr_none"))
    refused(
        NotFoundError, 404, "RESOURCE_MISSING",
        lambda: client.auth_sessions.create(end_user_id="end_usr_none", publishable_key=PUBLISHABLE),
    )  # fmt: skip


@check
def a_wrong_key_is_unauthenticated(client: Conductor) -> None:
    for wrong in ("sk_conductor_wrong", os.environ["DELETED_KEY"], "orch_" + "0" * 40):
        other = client.with_options(api_key=wrong)
        error = refused(AuthenticationError, 401, "API_KEY_INVALID", other.end_users.list)
        assert error["type"] == "AUTHENTICATION_ERROR"
    error = refused(AuthenticationError, 401, "API_KEY_INVALID", client.with_options(api_key=PUBLISHABLE).end_users.list)
    assert "publishable key" in error["message"]


@check
def no_key_is_unauthenticated(client: Conductor) -> None:
    refused(
        AuthenticationError, 401, "API_KEY_MISSING",
        lambda: client.end_users.list(extra_headers={"Authorization": conductor._types.Omit()}),
    )  # fmt: skip


@check
def a_wrong_expiry_and_an_unknown_field_are_bad_requests(client: Conductor) -> None:
    made = customer(client)
    for minutes in (14, 10081):
        error = refused(
            BadRequestError, 400, "REQUEST_INVALID",
            lambda minutes=minutes: client.auth_sessions.create(end_user_id=made.id, publishable_key=PUBLISHABLE, link_expiry_mins=minutes),
        )  # fmt: skip
        assert "linkExpiryMins" in error["message"]
    error = refused(
        BadRequestError, 400, "REQUEST_INVALID",
        lambda: client.end_users.create(company_name="a", source_id="b", email="c", extra_body={"plan": "gold"}),
    )  # fmt: skip
    assert error["message"] == 'Unrecognized keys: "plan"'


@check
def what_is_out_of_scope_is_not_found(client: Conductor) -> None:
    made = customer(client)
    refused(NotFoundError, 404, "RESOURCE_MISSING", lambda: client.qbd.health_check(conductor_end_user_id=made.id))
    refused(NotFoundError, 404, "RESOURCE_MISSING", lambda: client.qbd.invoices.list(conductor_end_user_id=made.id))
    refused(
        NotFoundError, 404, "RESOURCE_MISSING",
        lambda: client.end_users.passthrough("quickbooks_desktop", id=made.id, qbd_payload={"CustomerQueryRq": {}}),
    )  # fmt: skip


@check
def the_asynchronous_client_does_the_same(client: Conductor) -> None:
    async def within() -> None:
        async with AsyncConductor(default_headers={"X-Check": "the_asynchronous_client_does_the_same"}) as other:
            made = await other.end_users.create(company_name="Acme", source_id=uuid.uuid4().hex, email="a@acme.test")
            assert (await other.end_users.delete(made.id)).deleted
            try:
                await other.end_users.retrieve(made.id)
            except NotFoundError:
                return
            raise AssertionError("it is still there")

    asyncio.run(within())


def main() -> None:
    print(json.dumps({"sdk": importlib.metadata.version("conductor-py")}), flush=True)
    for body in CHECKS:
        error = None
        try:
            with Conductor(default_headers={"X-Check": body.__name__}) as client:
                body(client)
        except Exception:
            error = traceback.format_exc(limit=-4)
        print(json.dumps({"check": body.__name__, "error": error}), flush=True)
    print(json.dumps({"methods": {}}), flush=True)


if __name__ == "__main__":
    main()
