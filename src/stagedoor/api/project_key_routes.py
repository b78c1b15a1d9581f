"""The rows of the one table (api/routes.py) for a project's secret keys."""

from stagedoor.api import project_keys
from stagedoor.api.router import Options, Route
from stagedoor.api.rules import ManagesProject
from stagedoor.core.project_key import SecretKeyView

PATH = "/api/projects/{id}/secret-keys"
MANAGES = ManagesProject()
VIEW, LIST = Options(strict=True, limit=16 * 1024, answer=SecretKeyView), Options(answer=list[SecretKeyView])
CREATED = Options(strict=True, limit=16 * 1024, answer=project_keys.CreatedSecretKey)

ROUTES: tuple[Route, ...] = (
    Route("GET", PATH, project_keys.list_all, MANAGES, options=LIST),
    Route("POST", PATH, project_keys.create, MANAGES, project_keys.NewSecretKey, options=CREATED),
    Route("POST", PATH + "/import", project_keys.import_digest, MANAGES, project_keys.LegacyKey, options=VIEW),
    Route("DELETE", PATH + "/{keyId}", project_keys.delete, MANAGES),
    Route("POST", PATH + "/{keyId}/status", project_keys.toggle, MANAGES, options=VIEW),
)
