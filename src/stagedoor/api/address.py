"""Where this server is, as those who call it see it."""

from stagedoor.api.http import Request
from stagedoor.gate.server import Server


def base_url(server: Server, request: Request) -> str:
    """The address that browsers use, without a slash at its end: the public one, else the one that this request names."""
    issuer = server.realm.issuer
    return issuer.rstrip("/") if issuer.startswith("http") else f"{request.scope['scheme']}://{request.header('host')}"
