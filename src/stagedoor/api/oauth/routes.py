"""The routes of this folder, for the one table (api/routes.py)."""

from stagedoor.api.oauth import inspect, token, trusts
from stagedoor.api.oauth.trusts import Shown
from stagedoor.api.router import Options, Route
from stagedoor.api.rules import OnApplication, Public
from stagedoor.core.federation import Trust
from stagedoor.core.permission import Access
from stagedoor.core.trust import Terms
from stagedoor.gate.federation import Test

CLIENT = Public("a client that proves itself: an access key by HTTP Basic or in the form, or a token in a header")
FORM, TERMS = Options(limit=64 * 1024), Options(strict=True, limit=64 * 1024, answer=Trust)
SEES, CHANGES = OnApplication(Access.READ), OnApplication(Access.UPDATE)
TRUSTS = "/api/applications/{id}/trusts"
ONE = f"{TRUSTS}/{{trustId}}"

OAUTH_ROUTES = (
    Route("GET", "/.well-known/openid-configuration", inspect.discovery, Public()),
    Route("GET", "/.well-known/oauth-authorization-server", inspect.discovery, Public()),
    Route("POST", "/oauth/token", token.token, Public("who shows an access key, a token of ours or one of a trusted issuer"), options=FORM),
    Route("POST", "/oauth/introspect", inspect.introspect, CLIENT, options=FORM),
    Route("POST", "/oauth/revoke", inspect.revoke, CLIENT, options=FORM),
    Route("GET", TRUSTS, trusts.list_all, SEES, options=Options(answer=list[Trust])),
    Route("POST", TRUSTS, trusts.create, CHANGES, Terms, options=TERMS),
    Route("POST", f"{TRUSTS}/test", trusts.test, CHANGES, Shown, options=Options(strict=True, limit=64 * 1024, answer=Test)),
    Route("GET", ONE, trusts.get, SEES, options=Options(answer=Trust)),
    Route("PUT", ONE, trusts.replace, CHANGES, Terms, options=TERMS),
    Route("DELETE", ONE, trusts.delete, CHANGES),
    Route("POST", f"{ONE}/status", trusts.toggle, CHANGES, options=Options(answer=Trust)),
)
