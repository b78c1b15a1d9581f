"""How the SDK renews its token, and what the codes of refusals make it do."""

import time

import httpx
from conductor.client.http.models.create_or_update_application_request import CreateOrUpdateApplicationRequest
from conductor.client.secret_client import SecretClient
from world import RECORD, URL, Actor, World, mint, raw, refused, unique

TOKEN = ("POST", "/api/token")


def secrets_with_token(actor: Actor, token: str) -> SecretClient:
    """A client that has this token already, and believes in it."""
    secrets = actor.clients().get_secret_client()
    secrets.api_client.configuration.update_token(token)
    return secrets


def check_an_expired_token_is_renewed_and_the_call_repeated(world: World) -> None:
    actor = world.actor("METADATA_MANAGER")
    token = mint(actor, expiration=1000)
    time.sleep(2.1)
    secrets = secrets_with_token(actor, token)
    before = RECORD.count(*TOKEN)
    secrets.put_secret(unique("secret"), "needles")
    assert RECORD.count(*TOKEN) == before + 1


def check_an_invalid_token_is_renewed_and_the_call_repeated(world: World) -> None:
    actor = world.actor("METADATA_MANAGER")
    secrets = secrets_with_token(actor, "eyJhbGciOiJub25lIn0.e30.")
    before = RECORD.count(*TOKEN)
    secrets.put_secret(unique("secret"), "needles")
    assert RECORD.count(*TOKEN) == before + 1


def check_a_missing_grant_does_not_renew_the_token(world: World) -> None:
    actor, name = world.actor(), unique("secret")
    world.admin.get_secret_client().put_secret(name, "needles")
    secrets = actor.clients().get_secret_client()
    before = RECORD.count(*TOKEN)
    problem = refused(403, secrets.get_secret, name)
    assert problem.error_code not in ("EXPIRED_TOKEN", "INVALID_TOKEN")
    assert RECORD.count(*TOKEN) == before


def check_the_codes_of_a_paused_and_a_deleted_key(world: World) -> None:
    authorization, actor, name = world.admin.get_authorization_client(), world.actor(), unique("secret")
    world.admin.get_secret_client().put_secret(name, "needles")
    world.grant(actor, "SECRET_NAME", name, "READ")
    secrets = actor.clients().get_secret_client()
    assert secrets.get_secret(name) == "needles"
    authorization.toggle_access_key_status(actor.id, actor.key_id)
    problem = refused(401, secrets.get_secret, name)
    assert (problem.error_code, problem.invalid_token) == ("INVALID_TOKEN", True)
    authorization.toggle_access_key_status(actor.id, actor.key_id)
    assert secrets.get_secret(name) == "needles"
    authorization.delete_access_key(actor.id, actor.key_id)
    assert refused(401, secrets.get_secret, name).error_code == "INVALID_TOKEN"


def check_the_code_of_an_expired_token(world: World) -> None:
    actor = world.actor()
    token = mint(actor, expiration=1000)
    time.sleep(2.1)
    answer = httpx.get(f"{URL}/token/userInfo", headers={"X-Authorization": token})
    assert (answer.status_code, answer.json()["error"]) == (401, "EXPIRED_TOKEN")
    assert raw("GET", "/token/userInfo", actor).status_code == 200


def check_a_deleted_application_is_out_at_once(world: World) -> None:
    authorization, actor = world.admin.get_authorization_client(), world.actor("METADATA_MANAGER")
    secrets = actor.clients().get_secret_client()
    secrets.put_secret(unique("secret"), "needles")
    authorization.delete_application(actor.id)
    assert refused(401, secrets.put_secret, unique("secret"), "x").error_code == "INVALID_TOKEN"
    remade = authorization.create_application(CreateOrUpdateApplicationRequest(unique("app")))
    assert remade.id != actor.id
