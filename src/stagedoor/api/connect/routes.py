"""The rows of the one table (api/routes.py) by which end users connect, and by which it is said what they can."""

from stagedoor.api.connect import flow, integrations
from stagedoor.api.connect.pages import STYLE_PATH
from stagedoor.api.router import Options, Parameter, Route
from stagedoor.api.rules import ManagesProject, Public
from stagedoor.core.integration import NewIntegration

STRICT = Options(strict=True, limit=256 * 1024)
LINKED = Public("who has an end user's link, once")
ANSWER = Options(query=tuple(map(Parameter, ("state", "code", "error", "iss"))))
VISITS = Public("the browser that the link was opened in, by its cookie")

ROUTES: tuple[Route, ...] = (
    Route("GET", "/api/projects/{id}/integrations", integrations.list_all, ManagesProject()),
    Route("POST", "/api/projects/{id}/integrations", integrations.create, ManagesProject(), NewIntegration, options=STRICT),
    Route("GET", "/api/projects/{id}/integrations/{slug}", integrations.get, ManagesProject()),
    Route("PUT", "/api/projects/{id}/integrations/{slug}", integrations.replace, ManagesProject(), NewIntegration, options=STRICT),
    Route("DELETE", "/api/projects/{id}/integrations/{slug}", integrations.delete, ManagesProject()),
    Route("GET", "/connect/{clientSecret}", flow.link, LINKED, options=Options(query=(Parameter("key"),))),
    Route("GET", "/connect/", flow.start, VISITS),
    Route("GET", "/connect/integrations/{slug}", flow.show, VISITS),
    Route("POST", "/connect/integrations/{slug}", flow.fill, VISITS, options=Options(limit=1024 * 1024)),
    Route("GET", "/connect/callback/{project}/{slug}", flow.callback, VISITS, options=ANSWER),
    Route("GET", "/connect/done", flow.done, VISITS),
    Route("GET", STYLE_PATH, flow.style, Public()),
)
