"""How the expectation is written down: one letter a cell, one column a kind of caller.

Columns, in this order: persons by the role they have, applications by the role they have, persons of some other sort.

    A ADMIN  U USER  M METADATA_MANAGER  W WORKFLOW_MANAGER  R USER_READ_ONLY  - no role
    w WORKER  m METADATA_API  c APPLICATION_CREATOR  u UNRESTRICTED_WORKER  M W  P APPLICATION_MANAGER  A U  - no role
    K the custom role of `KEEPER`  H the custom role of `PEOPLE`  O an operator without a role

Cells: `+` 200, `e` 204, `0` 400, `1` 401, `3` 403, `4` 404, `9` 409; where the answer is a list, `s` 200 and the thing is in it,
`.` 200 and it is not; where it is a truth, `t` and `f`. Spaces only part the columns for the eye.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

PERSONS = {"A": "ADMIN", "U": "USER", "M": "METADATA_MANAGER", "W": "WORKFLOW_MANAGER", "R": "USER_READ_ONLY", "-": ""}
APPLICATIONS = {
    "w": "WORKER", "m": "METADATA_API", "c": "APPLICATION_CREATOR", "u": "UNRESTRICTED_WORKER", "M": "METADATA_MANAGER",
    "W": "WORKFLOW_MANAGER", "P": "APPLICATION_MANAGER", "A": "ADMIN", "U": "USER", "-": "",
}  # fmt: skip
KEEPER = ("READ_SECRET_NAME", "READ_WORKFLOW_DEF", "READ_TASK_DEF", "READ_APPLICATION", "CREATE_SECRET_NAME")
PEOPLE = ("USER_MANAGEMENT",)
COLUMNS = (
    *(f"person {role or 'without a role'}" for role in PERSONS.values()),
    *(f"application {role or 'without a role'}" for role in APPLICATIONS.values()),
    "keeper", "people", "operator",
)  # fmt: skip
ACCESSES = ("CREATE", "READ", "UPDATE", "DELETE", "EXECUTE")
"""In the order of the five letters of `grants`."""
STATUS = {"+": 200, "e": 204, "0": 400, "1": 401, "3": 403, "4": 404, "9": 409, "s": 200, ".": 200, "t": 200, "f": 200}
LETTER = {200: "+", 204: "e", 400: "0", 401: "1", 403: "3", 404: "4", 409: "9"}
HEAD = "AUMWR- wmcuMWPAU- KHO"


@dataclass(frozen=True)
class Row:
    """One route, or one sort of thing that it is asked about.

    In `path` and `body`, `{x}` names something of `things.Things`, `{x!}` what the question is about, `{new}` a name nothing has.
    `own`: the caller holds all five accesses on it. `other`: it belongs to somebody else in the project, or there is no thing at all.
    `unknown`: nothing there is called so; `foreign`, where it differs: only another project has it. `nested`: one's own, with `inner`
    taken from another's. `grants`: by kind, what one access alone opens (`bare`: to an application without any role).
    `refused`: the target in the audit when an application without rights is refused. `spends`: success uses the thing up.
    """

    method: str
    route: str
    other: str
    own: str = ""
    unknown: str = ""
    foreign: str = ""
    nested: str = ""
    inner: str = ""
    grants: Mapping[str, str] = field(default_factory=dict)
    bare: Mapping[str, str] = field(default_factory=dict)
    path: str = ""
    body: Any = None
    note: str = ""
    refused: str = ""
    sees: str = ""
    spends: bool = False
    nobody: str = "1"
    stranger: str = ""
    """What another project's administrator gets, where it is not what one of this project gets about what is not there."""

    def __post_init__(self) -> None:
        for name in ("own", "other", "unknown", "foreign", "nested"):
            given = str(getattr(self, name)).replace(" ", "")
            assert len(given) in ((len(COLUMNS),) if name == "other" else (0, len(COLUMNS))), f"{self.cell}: {name}"
            object.__setattr__(self, name, given)
        assert all(len(letters) == len(ACCESSES) for letters in (*self.grants.values(), *self.bare.values())), self.cell
        object.__setattr__(self, "path", self.path or self.route)

    @property
    def cell(self) -> str:
        return f"{self.method} {self.route}{self.note and f' ({self.note})'}"

    @property
    def abroad(self) -> str:
        return self.stranger or self.unknown[COLUMNS.index("application ADMIN")]

    @property
    def elsewhere(self) -> str:
        return self.foreign or self.unknown

    @property
    def statuses(self) -> tuple[int, int, int, int]:
        """Of the quick matrix: nobody, an application without rights, an owner with the roles WORKER, METADATA_API and USER (roles add
        up), an administrator about another's thing."""
        at = {column: number for number, column in enumerate(COLUMNS)}
        letters = self.own or self.other
        owner = min(STATUS[letters[at[f"application {role}"]]] for role in ("WORKER", "METADATA_API", "USER"))
        stranger, admin = self.other[at["application without a role"]], self.other[at["application ADMIN"]]
        return STATUS[self.nobody], STATUS[stranger], owner, STATUS[admin]


def every(letter: str) -> str:
    """The same in every column."""
    return letter * len(COLUMNS)


def row(method: str, route: str, other: str, /, **more: Any) -> Row:
    """`grants` and `bare` may be the five letters alone; the kind is that of `kind`."""
    kind = more.pop("kind", "")
    for name in ("grants", "bare"):
        if isinstance(more.get(name), str):
            more[name] = {kind: more[name]}
    return Row(method, route, other, **more)


def by_column(letters: str) -> Iterator[tuple[str, str]]:
    """(column, letter)."""
    return zip(COLUMNS, letters, strict=True)
