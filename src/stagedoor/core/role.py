"""Roles: the built-in ones and what a permission means (contract/orkes.md C, docs/decisions/0003-roles.md, 0018-groups-roles-tags.md)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stagedoor.kit.errors import BadInput

ACCESSES = ("CREATE", "READ", "UPDATE", "DELETE", "EXECUTE")
KINDS = ("WORKFLOW_DEF", "TASK_DEF", "SECRET_NAME", "APPLICATION", "ENV_VARIABLE")
"""Kinds of which things exist here."""
LATER_KINDS = ("INTEGRATION_PROVIDER", "PROMPT", "WORKFLOW_SCHEDULE", "EVENT_HANDLER", "WEBHOOK", "SCHEMA")
"""Kinds that grants and roles may name, though nothing of them exists here yet."""
EVERY = "*"
"""As a kind: all of them. As a name in a grant: everything of its kind."""

PERMISSIONS: dict[str, tuple[str, ...]] = {
    "ADMIN": (
        "ADMIN_MANAGEMENT", "API_GATEWAY_MANAGEMENT", "API_GATEWAY_VIEW", "APPLICATION_MANAGEMENT", "AUTHORIZATION_MANAGEMENT",
        "BULK_MANAGEMENT", "EVENT_HANDLER_MANAGEMENT", "METADATA_MANAGEMENT", "METADATA_VIEW", "PERMISSION_MANAGEMENT",
        "PROMPT_MANAGEMENT", "PUBLISHER_MANAGEMENT", "SCHEDULE_MANAGEMENT", "USER_MANAGEMENT", "WORKFLOW_MANAGEMENT", "WORKFLOW_SEARCH",
    ),
    "USER": (
        "API_GATEWAY_MANAGEMENT", "API_GATEWAY_VIEW", "CREATE_APPLICATION", "CREATE_INTEGRATION", "CREATE_SECRET", "CREATE_TASK_DEF",
        "CREATE_USER_FORM_TEMPLATE", "CREATE_WORKFLOW_DEF", "WORKFLOW_SEARCH",
    ),
    "METADATA_MANAGER": (
        "API_GATEWAY_MANAGEMENT", "API_GATEWAY_VIEW", "CREATE_INTEGRATION", "CREATE_SECRET", "METADATA_MANAGEMENT", "METADATA_VIEW",
    ),
    "WORKFLOW_MANAGER": ("METADATA_VIEW", "WORKFLOW_MANAGEMENT", "WORKFLOW_SEARCH"),
    "USER_READ_ONLY": ("API_GATEWAY_VIEW", "METADATA_VIEW", "WORKFLOW_SEARCH"),
    "METADATA_API": ("CREATE_TASK_DEF", "CREATE_USER_FORM_TEMPLATE", "CREATE_WORKFLOW_DEF"),
    "WORKER": (),
    "UNRESTRICTED_WORKER": (),
    "APPLICATION_CREATOR": ("CREATE_APPLICATION",),
    "APPLICATION_MANAGER": ("APPLICATION_MANAGEMENT", "CREATE_APPLICATION"),
}  # fmt: skip
"""The permissions that each built-in role lists."""

_ALL = frozenset(ACCESSES)
_READ = frozenset({"READ"})
_RUN = frozenset({"READ", "EXECUTE"})
_EDIT = {"WORKFLOW_DEF": _ALL, "TASK_DEF": _ALL, "ENV_VARIABLE": _ALL}

WIDE: dict[str, dict[str, frozenset[str]]] = {
    "ADMIN": {EVERY: _ALL},
    "METADATA_MANAGER": _EDIT,
    "WORKFLOW_MANAGER": {"WORKFLOW_DEF": _RUN, "TASK_DEF": _RUN},
    "USER_READ_ONLY": {"WORKFLOW_DEF": _READ, "TASK_DEF": _READ, "APPLICATION": _READ},
    "UNRESTRICTED_WORKER": {"TASK_DEF": frozenset({"EXECUTE"})},
    "APPLICATION_MANAGER": {"APPLICATION": _ALL},
}
"""Built-in role -> kind -> accesses on every resource of that kind."""

CREATES: dict[str, frozenset[str]] = {
    "ADMIN": frozenset({EVERY}),
    "USER": frozenset({"APPLICATION", "SECRET_NAME", "TASK_DEF", "WORKFLOW_DEF"}),
    "METADATA_MANAGER": frozenset({"ENV_VARIABLE", "SECRET_NAME", "TASK_DEF", "WORKFLOW_DEF"}),
    "METADATA_API": frozenset({"TASK_DEF", "WORKFLOW_DEF"}),
    "APPLICATION_CREATOR": frozenset({"APPLICATION"}),
    "APPLICATION_MANAGER": frozenset({"APPLICATION"}),
}
"""Built-in role -> kinds of which it may make new ones."""

POLLS = frozenset({"ADMIN", "WORKER", "UNRESTRICTED_WORKER"})
"""Roles by which an application may take tasks."""
EDITS_METADATA = frozenset({"METADATA_API"})
"""Without one of them, a grant of UPDATE or DELETE on a definition does nothing for an application."""

OF_APPLICATIONS = frozenset({
    "WORKER", "METADATA_API", "APPLICATION_CREATOR",
    "UNRESTRICTED_WORKER", "METADATA_MANAGER", "WORKFLOW_MANAGER", "APPLICATION_MANAGER", "ADMIN", "USER",
})  # fmt: skip
UNRESTRICTED = OF_APPLICATIONS - {"WORKER", "METADATA_API", "APPLICATION_CREATOR"}
"""Roles that only an administrator gives to an application."""
OF_USERS = frozenset({"ADMIN", "USER", "METADATA_MANAGER", "WORKFLOW_MANAGER", "USER_READ_ONLY"})
OF_GROUPS = OF_USERS - {"USER_READ_ONLY"}

_MANAGEMENT: dict[str, dict[str, frozenset[str]]] = {
    "METADATA_MANAGEMENT": _EDIT,
    "METADATA_VIEW": {"WORKFLOW_DEF": _READ, "TASK_DEF": _READ},
    "WORKFLOW_MANAGEMENT": {"WORKFLOW_DEF": _RUN, "TASK_DEF": _RUN},
    "APPLICATION_MANAGEMENT": {"APPLICATION": _ALL},
}
_RESERVED = frozenset({"ADMIN_MANAGEMENT", "AUTHORIZATION_MANAGEMENT"})
ROUTE_PERMISSIONS = _RESERVED | {"USER_MANAGEMENT"}
"""Those that open routes by themselves; what the others give is accesses on kinds, or nothing yet."""
_SINGLE = {f"{access}_{kind}": (access, kind) for access in ACCESSES for kind in (*KINDS, *LATER_KINDS)}
_LISTED = {one for listed in PERMISSIONS.values() for one in listed if "CREATE_" not in one}
KNOWN_PERMISSIONS = (*sorted(_LISTED - _RESERVED), *_SINGLE)
"""What a custom role may list."""


@dataclass(frozen=True)
class Effects:
    """What a role gives: accesses on whole kinds, kinds it may make, whether it takes tasks, the permissions it lists."""

    wide: Mapping[str, frozenset[str]]
    creates: frozenset[str]
    polls: bool
    permissions: tuple[str, ...]


def effects_of(role: str, permissions: Iterable[str] | None = None) -> Effects:
    """Of a built-in role; or, where its permissions are given, of a custom one."""
    if permissions is None:
        return Effects(WIDE.get(role, {}), CREATES.get(role, frozenset()), role in POLLS, PERMISSIONS.get(role, ()))
    listed = tuple(permissions)
    wide: dict[str, frozenset[str]] = {}
    creates = set()
    for one in listed:
        given = dict(_MANAGEMENT.get(one, {}))
        if one in _SINGLE:
            access, kind = _SINGLE[one]
            given = {kind: frozenset({access})}
            creates |= {kind} if access == "CREATE" else set()
        elif one == "METADATA_MANAGEMENT":
            creates |= _EDIT.keys()
        elif one == "APPLICATION_MANAGEMENT":
            creates |= {"APPLICATION"}
        for kind, accesses in given.items():
            wide[kind] = wide.get(kind, frozenset()) | accesses
    return Effects(wide, frozenset(creates), False, listed)


def check_permissions(permissions: Iterable[str]) -> tuple[str, ...]:
    """Sorted, each once. BadInput names the first that no custom role may list."""
    for one in permissions:
        if one not in KNOWN_PERMISSIONS:
            raise BadInput(f"permissions: {one[:100]} is not one of those that GET /api/roles/permissions lists", "permissions")
    return tuple(sorted(set(permissions)))
