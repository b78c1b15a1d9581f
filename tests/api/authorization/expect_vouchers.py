"""What the routes of revisions, vouchers and adoption answer: as reading, and as changing, the definition that they are about
(decision 0028). How to read it: `notation.py`."""

from tests.api.authorization.expect_things import DEFS, EDIT_DEF, EDITS_DEF, READ_DEF, READS_DEF
from tests.api.authorization.notation import Row, row

_FLOW, _TASK = "/api/metadata/workflow/{name}", "/api/metadata/taskdefs/{name}"


def _about(method: str, route: str, rest: str, /, **more: object) -> Row:
    """The paths of the things tried are those of the route, with the thing's name in them."""
    kind = "WORKFLOW_DEF" if route == _FLOW else "TASK_DEF"
    path = route.replace("{name}", "{workflow!}" if route == _FLOW else "{taskdef!}") + rest
    other, sort = (READS_DEF, READ_DEF) if method == "GET" else (EDITS_DEF, EDIT_DEF)
    both = {"grants": "33333"} if method == "POST" else {}  # to adopt is to read and to change: neither alone is enough
    return row(method, route + rest, other, path=path, **{**sort, **both, **DEFS[kind], **more})


ROWS = (
    _about("GET", _FLOW, "/revisions"),
    _about("GET", _FLOW, "/vouchers"),
    _about("POST", _FLOW, "/adopt", body={}),
    _about("GET", _TASK, "/vouchers"),
    _about("POST", _TASK, "/adopt", body={}),
)
