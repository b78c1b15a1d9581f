"""Story 1: an access key is made, used, paused, resumed and deleted; and being known is not enough."""

from stagedoor.demo.caller import Call
from stagedoor.demo.stage import Key, Stage

ABOUT = "An application gets an access key, and what the key may do ends the moment somebody says so."
WHO_AM_I = Call("GET", "/api/token/userInfo")
GREETING = Call("POST", "/api/workflow/greeting", {"name": "Clara"})


async def tell(stage: Stage) -> None:
    key = await stage.application("front-desk")
    listed = await stage.admin.ask("The secret is never shown again", Call("GET", f"/api/applications/{key.application}/accessKeys"))
    stage.admin.expect("the list of keys", listed, 200, says=key.id)
    token = await stage.exchange(_credentials(key), "The application exchanges its key for a token", "front-desk")
    caller = stage.nobody.with_token(token)
    await caller.ask("and is known by it", WHO_AM_I, says=f"app:{key.application}", tells_token=True)
    await _strangers(stage, key)
    await _not_enough(stage, key, token)
    await _paused(stage, key, token)
    await _deleted(stage, key, token)


def _credentials(key: Key) -> dict[str, str]:
    return {"keyId": key.id, "keySecret": key.secret}


async def _strangers(stage: Stage, key: Key) -> None:
    await stage.nobody.ask("Without a token", WHO_AM_I, status=401, says="INVALID_TOKEN")
    wrong = Call("POST", "/api/token", {"keyId": key.id, "keySecret": "not-the-secret"})
    await stage.nobody.ask("With a wrong secret", wrong, status=401, says="Invalid access key")


async def _not_enough(stage: Stage, key: Key, token: str) -> None:
    await stage.save("greeting")
    caller, missing = stage.nobody.with_token(token), "EXECUTE on WORKFLOW_DEF greeting"
    await caller.ask("To be known is not to be allowed: the answer names the missing grant", GREETING, status=403, says=missing)
    await stage.grant(key, "WORKFLOW_DEF", "greeting", "EXECUTE")
    await caller.ask("With the grant the same call starts the workflow", GREETING)


async def _paused(stage: Stage, key: Key, token: str) -> None:
    toggle = Call("POST", f"/api/applications/{key.application}/accessKeys/{key.id}/status")
    await stage.admin.ask("The administrator pauses the key", toggle, says="INACTIVE")
    await _shut_out(stage, key, token, "a paused key")
    await stage.admin.ask("The administrator resumes the key", toggle, says='"ACTIVE"')
    await stage.nobody.with_token(token).ask("and the token works again", WHO_AM_I)


async def _deleted(stage: Stage, key: Key, token: str) -> None:
    await stage.admin.ask("The administrator deletes the key", Call("DELETE", f"/api/applications/{key.application}/accessKeys/{key.id}"))
    await _shut_out(stage, key, token, "a deleted key")


async def _shut_out(stage: Stage, key: Key, token: str, what: str) -> None:
    """At once: the very next calls are refused, the token minted before included."""
    caller = stage.nobody.with_token(token)
    await caller.ask(f"The token minted before, by {what}", WHO_AM_I, status=401, says="INVALID_TOKEN", tells_token=True)
    await stage.nobody.ask(f"No new token for {what}", Call("POST", "/api/token", _credentials(key)), status=401, says="Invalid access key")
