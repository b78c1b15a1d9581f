"""Which kinds of credential prove a caller on `/api`, in which header, and what recognises each: one verifier a kind (promise 4).

A credential is handed to the one verifier that its prefix or shape names, and to no other, whatever that one says of it. Elsewhere
others stand: secret keys on `/v1` (api/v1/authenticate.py), client secrets on `/connect`, issuers' tokens at `/oauth/token`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from stagedoor.core.api_key import BadFormat
from stagedoor.core.principal import Principal
from stagedoor.gate.server import Server
from stagedoor.kit.errors import Unauthenticated
from stagedoor.kit.keyformat import ACCESS_TOKEN, API_KEY
from stagedoor.kit.tokens import is_execution_token


@dataclass(frozen=True, slots=True)
class Verifier:
    """`kind` as in kit/keyformat.py."""

    kind: str
    recognises: Callable[[str], bool]
    verify: Callable[[Server, str], Awaitable[Principal]]


async def _access_token(server: Server, text: str) -> Principal:
    return await server.gate.authenticator.principal(text)


async def _execution_token(server: Server, text: str) -> Principal:
    return await server.gate.authenticator.executing.principal(text)


async def _api_key(server: Server, text: str) -> Principal:
    return await server.api_keys.prove(text)


def _is_jwt(text: str) -> bool:
    return "." in text or text.startswith("eyJ")


def _is_api_key(text: str) -> bool:
    return text.startswith(API_KEY.prefix)


ACCESS_TOKENS = Verifier(ACCESS_TOKEN.kind, _is_jwt, _access_token)
API_KEYS = Verifier(API_KEY.kind, _is_api_key, _api_key)
EXECUTION_TOKENS = Verifier("execution_token", is_execution_token, _execution_token)
VERIFIERS: Mapping[str, tuple[Verifier, ...]] = {
    "x-authorization": (EXECUTION_TOKENS, ACCESS_TOKENS), "authorization": (API_KEYS, EXECUTION_TOKENS, ACCESS_TOKENS)
}  # fmt: skip
"""By header. The first that recognises a text is the only one asked: whatever else looks like a JWT is none but an access token."""


async def proven(server: Server, header: str, text: str) -> Principal:
    """Whom a header's credential speaks for. Unauthenticated in the words of the contract; what is none of these kinds is BadFormat
    where API keys are taken (contract/orchestrator-keys.md: a wrong prefix)."""
    for verifier in VERIFIERS[header]:
        if verifier.recognises(text):
            return await verifier.verify(server, text)
    raise BadFormat if header == "authorization" else Unauthenticated
