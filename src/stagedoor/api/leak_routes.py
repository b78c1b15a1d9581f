"""The rows of the one table (api/routes.py) for leaks and the use of credentials."""

from stagedoor.api import leaks
from stagedoor.api.router import Options, Parameter, Route
from stagedoor.api.rules import Authenticated, Public
from stagedoor.core.credential_use import Listed
from stagedoor.core.leak import Leak
from stagedoor.gate.leaks import Feedback, Uses

LARGEST_REPORT = 1024 * 1024
MANAGED = "any authenticated caller; of its own credentials, those of applications on which it holds UPDATE, all with the role ADMIN"

ROUTES: tuple[Route, ...] = (
    Route(
        "POST", "/leaks", leaks.report, Public("whoever signs the body with a key of STAGEDOOR_LEAKS_KEYS_URL"),
        options=Options(limit=LARGEST_REPORT, answer=list[Feedback]),
    ),
    Route(
        "GET", "/api/leaks", leaks.list_all, Authenticated(MANAGED),
        options=Options(query=(Parameter("before", int), Parameter("since", int)), answer=list[Leak]),
    ),
    Route(
        "GET", "/api/usage/credentials", leaks.credentials, Authenticated(MANAGED),
        options=Options(query=(Parameter("after"), Parameter("kind")), answer=list[Listed]),
    ),
    Route(
        "GET", "/api/usage/credentials/{id}", leaks.uses, Authenticated(MANAGED),
        options=Options(query=(Parameter("days", int),), answer=Uses),
    ),
)  # fmt: skip
