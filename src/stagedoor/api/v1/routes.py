"""The rows of the one table (api/routes.py) that are under `/v1`."""

from stagedoor.api.router import Options, Route
from stagedoor.api.rules import ShowsSecretKey
from stagedoor.api.v1 import end_users
from stagedoor.api.v1.wire import AuthSessionView, EndUserDeleted, EndUserList, EndUserView, NewAuthSession, NewEndUserBody

MOST = 64 * 1024
NEW, LINK = (Options(strict=True, limit=MOST, answer=answer) for answer in (EndUserView, AuthSessionView))
KEY = ShowsSecretKey()

ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/end-users", end_users.list_all, KEY, options=Options(answer=EndUserList)),
    Route("POST", "/v1/end-users", end_users.create, KEY, NewEndUserBody, options=NEW),
    Route("GET", "/v1/end-users/{id}", end_users.get, KEY, options=Options(answer=EndUserView)),
    Route("DELETE", "/v1/end-users/{id}", end_users.delete, KEY, options=Options(answer=EndUserDeleted)),
    Route("POST", "/v1/end-users/{id}/passthrough/{integrationSlug}", end_users.not_served, KEY, options=Options(limit=MOST)),
    Route("POST", "/v1/auth-sessions", end_users.link, KEY, NewAuthSession, options=LINK),
    Route("GET", "/v1/quickbooks-desktop/health-check", end_users.not_served, KEY),
)
