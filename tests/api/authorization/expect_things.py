"""What the routes of applications, secrets, definitions and grants answer: written from the contract (contract/orkes.md A to C) and the
decisions 0003, 0006 and 0018, not from the code. How to read it: `notation.py`."""

from collections.abc import Mapping

from tests.api.authorization.notation import Row, every, row

APPLICATION, SECRET, WORKFLOW, TASK = "APPLICATION {application}", "SECRET_NAME {secret}", "WORKFLOW_DEF {workflow}", "TASK_DEF {taskdef}"
TAG = {"key": "team", "value": "a"}
DEFINITION = {"name": "{workflow!}", "version": 1, "tasks": [{"name": "work", "taskReferenceName": "one"}]}
GRANT = {"subject": {"type": "USER", "id": "{somebody}"}, "target": {"type": "SECRET_NAME", "id": "{secret!}"}, "access": ["READ"]}
ANY, OWN, NONE = every("+"), every("+"), every("4")

# Applications: to who may not READ one, it is not there. USER_READ_ONLY reads all of them, APPLICATION_MANAGER does all with them.
#               AUMWR- wmcuMWPAU- KHO
LISTS_APP    = "s...s. ......ss.. s.."  # fmt: skip
READS_APP    = "+444+4 444444++44 +44"  # fmt: skip
EDITS_APP    = "+44434 444444++44 344"  # fmt: skip
EDITS_NO_APP = "444434 4444444444 344"  # fmt: skip
MAKES_APP    = "++3333 33+333+++3 333"  # fmt: skip
LIST_APP = {"own": every("s"), "foreign": every("."), "sees": "application", "kind": "APPLICATION", "grants": ".s..."}
APP = {"path": "/api/applications/{application!}", "own": OWN, "unknown": NONE, "kind": "APPLICATION", "refused": APPLICATION}
READ_APP, EDIT_APP = {**APP, "grants": "4+444"}, {**APP, "grants": "43444", "unknown": EDITS_NO_APP}

# Secrets: no role but ADMIN opens them. The keeper's role reads them, and makes new ones as USER and METADATA_MANAGER do.
LISTS_SECRET = "s..... .......s.. s.."  # fmt: skip
KNOWS_SECRET = "tttfff fffftffttf tff"  # fmt: skip
READS_SECRET = "+33333 3333333+33 +33"  # fmt: skip
READS_NO_SEC = "433333 3333333433 433"  # fmt: skip
EDITS_SECRET = "+33333 3333333+33 333"  # fmt: skip
EDITS_NO_SEC = "433333 3333333433 333"  # fmt: skip
MAKES_SECRET = "+++333 3333+33++3 +33"  # fmt: skip
SECRETS = {"own": OWN, "kind": "SECRET_NAME", "refused": SECRET}
READ_SECRET = {**SECRETS, "unknown": READS_NO_SEC, "grants": "3+333"}
EDIT_SECRET = {**SECRETS, "unknown": EDITS_NO_SEC, "grants": "33+33"}
LIST_SECRET = {"own": every("s"), "foreign": every("."), "sees": "secret", "kind": "SECRET_NAME", "grants": ".s..."}

# Definitions: UPDATE and DELETE by a grant, an owner's too, count for an application by the role METADATA_API alone.
LISTS_DEF    = "s.sss. ....ss.s.. s.."  # fmt: skip
READS_DEF    = "+3+++3 3333++3+33 +33"  # fmt: skip
READS_NO_DEF = "434443 3333443433 433"  # fmt: skip
EDITS_DEF    = "+3+333 3333+33+33 333"  # fmt: skip
EDITS_OWN    = "++++++ 3+33+33+33 +++"  # fmt: skip
EDITS_NO_DEF = "434333 3333433433 333"  # fmt: skip
MAKES_DEF    = "+++333 3+33+33++3 333"  # fmt: skip
STARTS_DEF   = "+3++33 3333++3+33 333"  # fmt: skip
STARTS_NONE  = "434433 3333443433 333"  # fmt: skip
DEFS = {"WORKFLOW_DEF": {"kind": "WORKFLOW_DEF", "refused": WORKFLOW}, "TASK_DEF": {"kind": "TASK_DEF", "refused": TASK}}
LIST_DEF = {"own": every("s"), "foreign": every("."), "grants": ".s..."}
READ_DEF = {"own": OWN, "unknown": READS_NO_DEF, "grants": "3+333"}
SAVE_DEF = {"own": EDITS_OWN, "unknown": MAKES_DEF, "grants": "33+33", "bare": "33333"}
EDIT_DEF = {"own": EDITS_OWN, "unknown": EDITS_NO_DEF, "grants": "33+33", "bare": "33333"}
DELETE_DEF = {"own": EDITS_OWN, "unknown": EDITS_NO_DEF, "grants": "333+3", "bare": "33333", "spends": True}
START = {"own": OWN, "unknown": STARTS_NONE, "grants": "3333+"}


def _app(method: str, rest: str, other: str, sort: Mapping[str, object], /, **more: object) -> Row:
    return row(method, "/api/applications/{id}" + rest, other, **{**sort, "path": f"{APP['path']}{rest}", **more})


def applications() -> list[Row]:
    """A key of another application, in one's own's path, is not there. A role for programs is given by whoever may change one."""
    return [
        row("GET", "/api/applications", LISTS_APP, **LIST_APP),
        row("POST", "/api/applications", MAKES_APP, body={"name": "{new}"}, refused="APPLICATION {new}"),
        _app("GET", "", READS_APP, READ_APP),
        _app("PUT", "", EDITS_APP, EDIT_APP, body={"name": "renamed"}),
        _app("DELETE", "", EDITS_APP, EDIT_APP, spends=True),
        row("GET", "/api/applications/key/{accessKeyId}", READS_APP, **{**READ_APP, "path": "/api/applications/key/{key!}"}),
        _app("GET", "/accessKeys", READS_APP, READ_APP),
        _app("POST", "/accessKeys", EDITS_APP, EDIT_APP),
        row("DELETE", "/api/applications/{id}/accessKeys/{keyId}", EDITS_APP, **_KEY, spends=True),
        row("POST", "/api/applications/{id}/accessKeys/{keyId}/status", EDITS_APP, **{**_KEY, "path": _KEY["path"] + "/status"}),
        _app("GET", "/tags", READS_APP, READ_APP, unknown=READS_APP),
        _app("PUT", "/tags", EDITS_APP, EDIT_APP, body=[TAG]),
        _app("DELETE", "/tags", EDITS_APP, EDIT_APP, body=[TAG]),
        *(
            row(method, "/api/applications/{id}/roles/{role}", EDITS_APP, **{**EDIT_APP, "path": APP["path"] + "/roles/WORKER"})
            for method in ("POST", "DELETE")
        ),
    ]


_KEY = {**EDIT_APP, "path": "/api/applications/{application!}/accessKeys/{key}", "nested": NONE, "inner": "key"}


def secrets() -> list[Row]:
    """Deleting what is not there is no error (contract/orkes.md 0.8); PUT makes what is not there."""
    path = "/api/secrets/{secret!}"
    tags = {"path": path + "/tags"}
    return [
        row("GET", "/api/secrets", LISTS_SECRET, **LIST_SECRET),
        row("POST", "/api/secrets", LISTS_SECRET, **LIST_SECRET),
        row("GET", "/api/secrets-v2", LISTS_SECRET, **LIST_SECRET),
        row("GET", "/api/secrets/clearLocalCache", ANY),
        row("GET", "/api/secrets/clearRedisCache", ANY),
        row("GET", "/api/secrets/{key}", READS_SECRET, path=path, **READ_SECRET),
        row("PUT", "/api/secrets/{key}", EDITS_SECRET, path=path, body=b"another", **{**EDIT_SECRET, "unknown": MAKES_SECRET}),
        row("DELETE", "/api/secrets/{key}", EDITS_SECRET, path=path, **SECRETS, unknown=EDITS_SECRET, grants="333+3", spends=True),
        row(
            "GET", "/api/secrets/{key}/exists", KNOWS_SECRET, path=path + "/exists", own=every("t"), unknown=every("f"),
            kind="SECRET_NAME", grants="ttttt",
        ),
        row("GET", "/api/secrets/{key}/tags", READS_SECRET, **READ_SECRET, **tags),
        row("PUT", "/api/secrets/{key}/tags", EDITS_SECRET, **EDIT_SECRET, **tags, body=[TAG]),
        row("DELETE", "/api/secrets/{key}/tags", EDITS_SECRET, **EDIT_SECRET, **tags, body=[TAG]),
        row("GET", "/api/secrets/{key}/policy", READS_SECRET, **READ_SECRET, path=path + "/policy"),
        row("PUT", "/api/secrets/{key}/policy", EDITS_SECRET, path=path + "/policy", body={}, **{**EDIT_SECRET, "grants": "33333"}),
    ]  # fmt: skip


def definitions() -> list[Row]:
    flow, one = DEFS["WORKFLOW_DEF"], DEFS["TASK_DEF"]
    path, task = "/api/metadata/workflow", "/api/metadata/taskdefs"
    return [
        row("GET", path, LISTS_DEF, sees="workflow", **LIST_DEF, kind="WORKFLOW_DEF"),
        row("POST", path, EDITS_DEF, path=path + "?overwrite=true", body=DEFINITION, **SAVE_DEF, **flow),
        row("PUT", path, EDITS_DEF, body=[DEFINITION], **SAVE_DEF, **flow),
        row("GET", path + "/{name}", READS_DEF, path=path + "/{workflow!}", **READ_DEF, **flow),
        row("DELETE", path + "/{name}/{version}", EDITS_DEF, path=path + "/{workflow!}/1", **DELETE_DEF, **flow),
        row("GET", task, LISTS_DEF, sees="taskdef", **LIST_DEF, kind="TASK_DEF"),
        row("POST", task, EDITS_DEF, body=[{"name": "{taskdef!}"}], **SAVE_DEF, **one),
        row("PUT", task, EDITS_DEF, body={"name": "{taskdef!}"}, **SAVE_DEF, **one),
        row("GET", task + "/{name}", READS_DEF, path=task + "/{taskdef!}", **READ_DEF, **one),
        row("DELETE", task + "/{name}", EDITS_DEF, path=task + "/{taskdef!}", **DELETE_DEF, **one),
        row("POST", "/api/workflow", STARTS_DEF, body={"name": "{workflow!}"}, **START, **flow),
        row("POST", "/api/workflow/{name}", STARTS_DEF, path="/api/workflow/{workflow!}", body={}, **START, **flow),
        row("POST", "/api/workflow/start/{name}/{version}", STARTS_DEF, path="/api/workflow/start/{workflow!}/1", body={}, **START, **flow),
        *(
            row(method, f"/api/metadata/{word}/{{name}}/tags", other, path=f"/api/metadata/{word}/{thing}/tags", body=body, **sort, **kind)
            for word, thing, kind in (("workflow", "{workflow!}", flow), ("task", "{taskdef!}", one))
            for method, other, body, sort in (
                ("GET", READS_DEF, None, READ_DEF),
                ("POST", EDITS_DEF, TAG, EDIT_DEF),
                ("PUT", EDITS_DEF, [TAG], {**EDIT_DEF, "grants": "33333"}),  # what those grants are tried on carries tags that give more
                ("DELETE", EDITS_DEF, TAG, EDIT_DEF),
            )
        ),
    ]


def tags() -> list[Row]:
    """Everything made for this table carries the tag `mark`, with its own name as the value."""
    path = "/api/metadata/tags"
    return [
        row("GET", path, LISTS_SECRET, **LIST_SECRET),
        row("GET", path + "/grouped", LISTS_SECRET, **LIST_SECRET),
        row(
            "GET", path + "/resources", LISTS_SECRET, **LIST_SECRET,
            path=path + "/resources?tagKey=mark&tagValue={secret!}&resourceType=SECRET_NAME",
        ),
    ]  # fmt: skip


def grants() -> list[Row]:
    """UPDATE on the target and each access handed out; a name that nobody has is who holds it over the whole kind's. Nobody is granted to
    who is not in the project."""
    some = {**SECRETS, "body": GRANT, "unknown": EDITS_SECRET, "grants": "33333"}
    path = "/api/auth/authorization"
    return [
        row("POST", path, EDITS_SECRET, **some, stranger="0"),
        row("DELETE", path, EDITS_SECRET, **some),
        row(
            "GET", path + "/{type}/{id}", READS_SECRET, path=path + "/SECRET_NAME/{secret!}", **{**READ_SECRET, "unknown": READS_SECRET},
        ),
    ]  # fmt: skip


ROWS = (*applications(), *secrets(), *definitions(), *tags(), *grants())
