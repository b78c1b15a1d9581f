"""What the routes of users, groups, roles, subjects' grants, projects and the server itself answer (contract/orkes.md A and C, decisions
0003 and 0018). How to read it: `notation.py`."""

from typing import Any

from tests.api.authorization.notation import Row, every, row

ANY, NONE = every("+"), every("4")

# Users and groups are ADMIN's, and whoever's role lists USER_MANAGEMENT. Roles and others' grants are ADMIN's alone, projects' members too.
#         AUMWR- wmcuMWPAU- KHO
LISTS  = "s33333 3333333s33 3s3"  # fmt: skip
PEOPLE = "+33333 3333333+33 3+3"  # fmt: skip
TAKEN  = "933333 3333333933 393"  # fmt: skip
NOBODY = "433333 3333333433 343"  # fmt: skip
ADMINS = "+33333 3333333+33 333"  # fmt: skip
ABSENT = "433333 3333333433 333"  # fmt: skip
YOUNG  = "933333 3333333933 333"  # fmt: skip
SEES   = "+33333 3333333+33 +33"  # fmt: skip
OPERATOR = "333333 3333333333 33+"  # fmt: skip

_USER: dict[str, Any] = {"unknown": NOBODY, "refused": "USER_MANAGEMENT", "path": "/api/users/{user!}"}
_GROUP: dict[str, Any] = {"unknown": NOBODY, "refused": "USER_MANAGEMENT", "path": "/api/groups/{group!}"}
_ROLE: dict[str, Any] = {"unknown": ABSENT, "refused": "AUTHORIZATION_MANAGEMENT", "path": "/api/roles/{role!}"}
_LIST: dict[str, Any] = {"refused": "USER_MANAGEMENT", "foreign": LISTS.replace("s", ".")}
_ROLES: dict[str, Any] = {"foreign": every("."), "sees": "role"}


def _at(sort: dict[str, Any], rest: str) -> dict[str, Any]:
    return {**sort, "path": sort["path"] + rest}


def users() -> list[Row]:
    """A person of another project is not made here: its password opens that project (decision 0020)."""
    check = "/checkPermissions?type=SECRET_NAME&id=any"
    return [
        row("GET", "/api/users", LISTS, **_LIST, sees="user"),
        row("GET", "/api/users/{id}", PEOPLE, **_USER),
        row(
            "PUT", "/api/users/{id}", PEOPLE, **{**_USER, "unknown": PEOPLE, "foreign": TAKEN}, stranger="9",
            body={"name": "Somebody"},
        ),
        row("DELETE", "/api/users/{id}", PEOPLE, **_USER, spends=True),
        row("POST", "/api/users/{id}/sendInviteEmail", PEOPLE, **_at(_USER, "/sendInviteEmail")),
        row("GET", "/api/users/{id}/permissions", PEOPLE, **_at(_USER, "/permissions")),
        row("GET", "/api/users/{id}/checkPermissions", PEOPLE, **_at(_USER, check)),
    ]  # fmt: skip


def groups() -> list[Row]:
    """A user of another project is not there for any group."""
    many, single = "/api/groups/{id}/users", "/api/groups/{id}/users/{userId}"
    return [
        row("GET", "/api/groups", LISTS, **_LIST, sees="group"),
        row("GET", "/api/groups/{id}", PEOPLE, **_GROUP),
        row("PUT", "/api/groups/{id}", PEOPLE, **{**_GROUP, "unknown": PEOPLE}, body={"description": "Some"}),
        row("DELETE", "/api/groups/{id}", PEOPLE, **_GROUP, spends=True),
        row("GET", "/api/groups/{id}/permissions", PEOPLE, **_at(_GROUP, "/permissions")),
        row("GET", "/api/groups/{id}/users", PEOPLE, **_at(_GROUP, "/users")),
        *(
            row(method, route, PEOPLE, **{**_GROUP, "path": path}, body=body, note=note)
            for method in ("POST", "DELETE")
            for route, path, body, note in (
                (many, "/api/groups/{group!}/users", ["{user}"], ""),
                (single, "/api/groups/{group!}/users/{user}", None, ""),
                (many, "/api/groups/{group}/users", ["{user!}"], "the user unknown"),
                (single, "/api/groups/{group}/users/{user!}", None, "the user unknown"),
            )
        ),
    ]


def roles() -> list[Row]:
    """Everybody may know what the roles are; an operator's or a manager's of people is not enough to change one."""
    body: dict[str, Any] = {"permissions": ["READ_SECRET_NAME"]}
    return [
        row("GET", "/api/roles", every("s"), **_ROLES),
        row("GET", "/api/roles/system", ANY),
        row("GET", "/api/roles/custom", every("s"), **_ROLES),
        row("GET", "/api/roles/permissions", ANY),
        row("POST", "/api/roles", ADMINS, body={"name": "{new}", **body}, refused="AUTHORIZATION_MANAGEMENT"),
        row("GET", "/api/roles/{name}", ANY, **{**_ROLE, "unknown": NONE, "refused": ""}),
        row("PUT", "/api/roles/{name}", ADMINS, **_ROLE, body=body),
        row("DELETE", "/api/roles/{name}", ADMINS, **_ROLE, spends=True),
    ]


def subjects() -> list[Row]:
    """One's own grants are shown to oneself, and not to be thrown away by oneself."""
    route = "/api/auth/subjects/{subjectType}/{subjectId}/grants"
    one: dict[str, Any] = {"unknown": ABSENT, "refused": "AUTHORIZATION_MANAGEMENT"}
    return [
        row("GET", route, ADMINS, **one, own=ANY, path="/api/auth/subjects/USER/{self!}/grants"),
        row("GET", route, ADMINS, **one, path="/api/auth/subjects/GROUP/{group!}/grants", note="a group's"),
        row("DELETE", route, ADMINS, **{**one, "unknown": ADMINS}, own=ADMINS, path="/api/auth/subjects/USER/{self!}/grants"),
        row("DELETE", route, ADMINS, **{**one, "unknown": ADMINS}, path="/api/auth/subjects/ROLE/{role!}/grants", note="a role's"),
    ]


def questions() -> list[Row]:
    """About oneself anybody may ask, about others ADMIN; who may do what on a thing, whoever reads its grants. Advice on who is younger
    than the time asked about is 409."""
    ask, change = "access=READ&type=SECRET_NAME&id=", {"type": "REMOVE_MEMBER", "group": "{group!}", "user": "{user}"}
    one: dict[str, Any] = {"unknown": ABSENT, "refused": "AUTHORIZATION_MANAGEMENT"}
    return [
        row("GET", "/api/auth/explain", ADMINS, **one, own=ANY, path=f"/api/auth/explain?subject=USER:{{self!}}&{ask}any"),
        row(
            "GET", "/api/auth/who-can", SEES, own=ANY, unknown=SEES, kind="SECRET_NAME", grants="3+333", refused="SECRET_NAME {secret}",
            path=f"/api/auth/who-can?{ask}{{secret!}}",
        ),
        row("POST", "/api/auth/what-if", ADMINS, **one, body={"change": change}),
        row("GET", "/api/auth/usage/{subjectType}/{subjectId}", ADMINS, **one, own=ANY, path="/api/auth/usage/USER/{self!}"),
        row("GET", "/api/auth/advice/{subjectType}/{subjectId}", YOUNG, **one, own=YOUNG, path="/api/auth/advice/USER/{self!}"),
    ]  # fmt: skip


def projects() -> list[Row]:
    """One's own project is `default`; to anybody but an operator another one is not there. Members are the project's administrators'."""
    path = "/api/projects/{project!}"
    own: dict[str, Any] = {"unknown": NONE, "refused": "ADMIN_MANAGEMENT"}
    elsewhere = "444444 4444444444 44+"
    member = "/members/{user}"
    return [
        row("GET", "/api/projects", every("s"), foreign=every(".")[:-1] + "s", sees="project"),
        row("POST", "/api/projects", OPERATOR, body={"id": "{new}", "name": "new"}, refused="PROJECT"),
        row(
            "GET", "/api/projects/{id}", elsewhere, path="/api/projects/{abroad!}", unknown=NONE, foreign=elsewhere, stranger="+",
            refused="PROJECT {abroad}",
        ),
        row("GET", "/api/projects/{id}", ANY, path=path, note="one's own"),
        row("GET", "/api/projects/{id}/members", ADMINS, **own, path=path + "/members"),
        row("PUT", "/api/projects/{id}/members/{email}", ADMINS, **own, path=path + member, body={"roles": []}),
        row("DELETE", "/api/projects/{id}/members/{email}", ADMINS, **own, path=path + member, spends=True),
        row(
            "DELETE", "/api/projects/{id}/members/{email}", ADMINS, **{**own, "unknown": ABSENT},
            path="/api/projects/{project}/members/{user!}", spends=True, note="the member unknown",
        ),
        row("GET", "/api/projects/{id}/settings", ADMINS, **own, path=path + "/settings"),
        row("PUT", "/api/projects/{id}/settings", ADMINS, **own, path=path + "/settings", body={}),
    ]  # fmt: skip


def server() -> list[Row]:
    """Public routes look at no credential."""
    public = ("/health", "/openapi.json", "/docs", "/docs/style.css", "/api/version", "/.well-known/jwks.json")
    return [
        *(row("GET", path, ANY, nobody="+") for path in public),
        row("POST", "/api/token", every("1"), body={"keyId": "no", "keySecret": "no"}),
        row("GET", "/api/token/userInfo", ANY),
        *(row(method, "/invite/{invite}/{secret}", NONE, nobody="4", path="/invite/{new}/{new}") for method in ("GET", "POST")),
    ]


ROWS = (*users(), *groups(), *roles(), *subjects(), *questions(), *projects(), *server())
