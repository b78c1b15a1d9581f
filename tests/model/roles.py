"""What roles give, written down once more by hand (docs/decisions/0003-roles.md, 0018; contract/orkes.md C)."""

from dataclasses import dataclass

ACCESS = {"C": "CREATE", "R": "READ", "U": "UPDATE", "D": "DELETE", "X": "EXECUTE"}
ACCESSES = tuple(ACCESS.values())
KINDS = ("WORKFLOW_DEF", "TASK_DEF", "SECRET_NAME", "APPLICATION", "ENV_VARIABLE")
DEFINITIONS = ("WORKFLOW_DEF", "TASK_DEF")

_WIDE = {  # letters on every WORKFLOW_DEF, TASK_DEF, SECRET_NAME, APPLICATION, ENV_VARIABLE
    "ADMIN": ("CRUDX", "CRUDX", "CRUDX", "CRUDX", "CRUDX"),
    "USER": ("", "", "", "", ""),
    "METADATA_MANAGER": ("CRUDX", "CRUDX", "", "", "CRUDX"),
    "WORKFLOW_MANAGER": ("RX", "RX", "", "", ""),
    "USER_READ_ONLY": ("R", "R", "", "R", ""),
    "METADATA_API": ("", "", "", "", ""),
    "WORKER": ("", "", "", "", ""),
    "UNRESTRICTED_WORKER": ("", "X", "", "", ""),
    "APPLICATION_CREATOR": ("", "", "", "", ""),
    "APPLICATION_MANAGER": ("", "", "", "CRUDX", ""),
}
_MAKES = {
    "ADMIN": KINDS, "USER": KINDS[:4], "METADATA_MANAGER": (*KINDS[:3], "ENV_VARIABLE"), "METADATA_API": DEFINITIONS,
    "APPLICATION_CREATOR": ("APPLICATION",), "APPLICATION_MANAGER": ("APPLICATION",),
}  # fmt: skip
_MANAGEMENT = {  # of a custom role: letters as above, and what it makes
    "METADATA_MANAGEMENT": (("CRUDX", "CRUDX", "", "", "CRUDX"), (*DEFINITIONS, "ENV_VARIABLE")),
    "METADATA_VIEW": (("R", "R", "", "", ""), ()),
    "WORKFLOW_MANAGEMENT": (("RX", "RX", "", "", ""), ()),
    "APPLICATION_MANAGEMENT": (("", "", "", "CRUDX", ""), ("APPLICATION",)),
    "USER_MANAGEMENT": (("", "", "", "", ""), ()),
    "WORKFLOW_SEARCH": (("", "", "", "", ""), ()),
}
SYSTEM = frozenset(_WIDE)
OF_USERS = ("ADMIN", "USER", "METADATA_MANAGER", "WORKFLOW_MANAGER", "USER_READ_ONLY")
OF_GROUPS = OF_USERS[:4]
OF_APPLICATIONS = tuple(sorted(SYSTEM - {"USER_READ_ONLY"}))
BY_ANYBODY = ("WORKER", "METADATA_API", "APPLICATION_CREATOR")
"""Given to an application by whoever may UPDATE it; all others by an administrator."""
PERMISSIONS = (*_MANAGEMENT, *(f"{access}_{kind}" for access in ACCESSES for kind in KINDS))
NO_PERMISSIONS = ("ADMIN_MANAGEMENT", "AUTHORIZATION_MANAGEMENT", "workflow:read", "READ_TAG", "EXECUTE_DOMAIN", "READ_*", "")
"""No custom role may list these."""


@dataclass(frozen=True)
class Powers:
    """`wide`: (access, kind) on every resource of the kind. `makes`: kinds. `manages`: users and groups."""

    wide: frozenset[tuple[str, str]]
    makes: frozenset[str]
    manages: bool = False
    polls: bool = False


def of_system(role: str) -> Powers:
    wide = frozenset((ACCESS[letter], kind) for kind, letters in zip(KINDS, _WIDE[role], strict=True) for letter in letters)
    polls = role in ("ADMIN", "WORKER", "UNRESTRICTED_WORKER")
    return Powers(wide, frozenset(_MAKES.get(role, ())), role == "ADMIN", polls)


def of_custom(permissions: frozenset[str]) -> Powers:
    wide: set[tuple[str, str]] = set()
    makes: set[str] = set()
    for permission in permissions:
        if permission in _MANAGEMENT:
            letters, made = _MANAGEMENT[permission]
            wide |= {(ACCESS[letter], kind) for kind, some in zip(KINDS, letters, strict=True) for letter in some}
            makes |= set(made)
        else:
            access, _, kind = permission.partition("_")
            wide.add((access, kind))
            makes |= {kind} if access == "CREATE" else set()
    return Powers(frozenset(wide), frozenset(makes), "USER_MANAGEMENT" in permissions)
