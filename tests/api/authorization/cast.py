"""Everybody the table speaks of, on one live server: each with a token, and with things of their own, of others, of another project."""

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from stagedoor.bootstrap import open_core
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT
from stagedoor.kit.tokens import Claims
from stagedoor.settings import Settings
from tests.api.authorization.forge import claims_in
from tests.api.authorization.notation import ACCESSES, APPLICATIONS, COLUMNS, KEEPER, LETTER, PEOPLE, PERSONS, Row, by_column
from tests.api.authorization.tenancy import new_project
from tests.api.authorization.things import TAG_PATHS, Named, Nothing, Things
from tests.api.authorization.world import new
from tests.support.server import LiveServer, live_server

KINDS = tuple(TAG_PATHS)
AT_ONCE = 6
WAYS = ("person", "bare", "group", "role", "tag", "wildcard", "permission")
"""How one access reaches somebody: by a grant to a person, to an application without a role (`bare`), to a group or a role that it has,
on a tag, on every name of the kind, by a custom role's permission. All but the first two are applications that may work."""


class Answer(NamedTuple):
    status_code: int
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


class Wires:
    """A connection for each thread, kept open: the table is long."""

    def __init__(self, server: LiveServer) -> None:
        self._port, self._mine, self._all = server.port, threading.local(), list[HTTPConnection]()

    def send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        if not hasattr(self._mine, "wire"):
            self._mine.wire = HTTPConnection("127.0.0.1", self._port, timeout=30)
            self._all.append(self._mine.wire)
        self._mine.wire.request(method, path, body, headers)
        answer = self._mine.wire.getresponse()
        return Answer(answer.status, answer.read().decode())

    def close(self) -> None:
        for wire in self._all:
            wire.close()


@dataclass(frozen=True)
class Caller:
    """`user` is its id in the project."""

    user: str
    token: str
    wires: Wires

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        headers = {"X-Authorization": self.token} if self.token else {}
        sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        return self.wires.send(method, path, sent, headers)


def sessions(server: LiveServer, persons: dict[str, list[str]], operators: tuple[str, ...] = ()) -> dict[str, str]:
    """Tokens of new persons, by their ids, with these roles: as if each had signed in."""

    async def make() -> dict[str, str]:
        good = claims_in(server.token(server.first["keyId"], server.first["keySecret"]))
        async with open_core(Settings(data=server.data, database=server.database)) as core:

            def within(tx: Any) -> dict[str, str]:
                made = {}
                for person, roles in persons.items():
                    core.directory.create(tx, system, person, None, [])
                    for role in roles:
                        core.directory.give_role(tx, system, f"USER:{person}", role)
                    if person in operators:
                        core.operators.add(tx, system, person)
                    made[person] = core.credentials.open_session(tx, DEFAULT, person, good["exp"] * 1000)
                return made

            system = Principal(DEFAULT, "tests")
            key = (await core.store.scan(core.signing.all))[0]
            made = await core.store.write(within)
        claims = msgspec.convert(good, Claims)
        return {user: key.sign(msgspec.structs.replace(claims, sub=user, client_id=one)) for user, one in made.items()}

    return asyncio.run(make())


def authorization(subject: tuple[str, str], kind: str, name: str, *access: str) -> dict[str, Any]:
    return {"subject": {"type": subject[0], "id": subject[1]}, "target": {"type": kind, "id": name}, "access": list(access)}


class Cast:
    """`callers` by column. `own` by column, `others`, `foreign`, `nothing`: what they are asked about."""

    def __init__(self, server: LiveServer) -> None:
        self.server, self.admin = server, server.admin()
        self.wires, self.pool = Wires(server), ThreadPoolExecutor(AT_ONCE)
        self.nobody = Caller("", "", self.wires)
        abroad = new("abroad")
        first = new_project(server, abroad, f"admin@{abroad}")
        token = server.token(first["keyId"], first["keySecret"])
        self.stranger = Caller(f"app:{first['applicationId']}", token, self.wires)
        self.callers = self._callers()
        self.holders = self._holders()
        fixed = {"project": DEFAULT, "abroad": abroad, "somebody": Things(self.admin, {})["user"]}
        self.others = Things(self.admin, fixed)
        self.foreign = Things(server.api(token), fixed | {"project": abroad})
        self.nothing = Nothing(somebody=fixed["somebody"])
        self.own = {column: self._own(caller, fixed) for column, caller in self.callers.items()}
        self.granted = {kind: Things(self.admin, fixed, self._granting(kind)) for kind in KINDS}

    def call(self, *args: Any) -> Any:
        return self.admin.call(*args)

    # ---- the callers
    def _callers(self) -> dict[str, Caller]:
        roles = {"keeper": new("keeper"), "people": new("people")}
        for word, permissions in (("keeper", KEEPER), ("people", PEOPLE)):
            self.call("POST", "/api/roles", {"name": roles[word], "permissions": permissions})
        persons = {new("person"): [role] if role else [] for role in PERSONS.values()}
        others = {new(word): [roles[word]] if word in roles else [] for word in ("keeper", "people", "operator")}
        direct: dict[str, list[str]] = {new(access.lower()): [] for access in ACCESSES}
        tokens = sessions(self.server, persons | others | direct, tuple(others)[2:])
        self.direct = {access: Caller(user, tokens[user], self.wires) for access, user in zip(ACCESSES, direct, strict=True)}
        found = [
            *(Caller(user, tokens[user], self.wires) for user in persons),
            *(self._application(*([role] if role else [])) for role in APPLICATIONS.values()),
            *(Caller(user, tokens[user], self.wires) for user in others),
        ]
        return dict(zip(COLUMNS, found, strict=True))

    def _application(self, *roles: str) -> Caller:
        made, key = self.admin.application(new("caller"), *roles)
        token = json.loads(self.nobody.ask("POST", "/api/token", {"keyId": key["id"], "keySecret": key["secret"]}).text)["token"]
        return Caller(f"app:{made}", token, self.wires)

    # ---- one access alone, by every way
    def _holders(self) -> dict[tuple[str, str, str], Caller]:
        """By (way, kind, access)."""
        made: dict[tuple[str, str, str], Caller] = {}
        for access in ACCESSES:
            made |= dict.fromkeys([("person", kind, access) for kind in KINDS], self.direct[access])
            made |= dict.fromkeys([("bare", kind, access) for kind in KINDS], self._application())
            for way in ("group", "role", "tag"):
                made |= dict.fromkeys([(way, kind, access) for kind in KINDS], self._reached(way, access))
            for kind in KINDS:
                made["wildcard", kind, access] = self._reached("wildcard", access, kind)
                made["permission", kind, access] = self._reached("permission", access, kind)
        return made

    def _reached(self, way: str, access: str, kind: str = "") -> Caller:
        caller, name = self._application("WORKER", "METADATA_API"), f"{way}-{access}"
        if way == "group":
            self.call("PUT", f"/api/groups/{name}", {"description": name})
            self.call("POST", f"/api/groups/{name}/users/{caller.user}")
        elif way == "tag":
            self.call("POST", "/api/auth/authorization", authorization(("USER", caller.user), "TAG", f"gives-{access}:yes", access))
        elif way == "wildcard":
            self.call("POST", "/api/auth/authorization", authorization(("USER", caller.user), kind, "*", access))
        else:
            name = f"{name}-{kind}"
            self.call("POST", "/api/roles", {"name": name, "permissions": [f"{access}_{kind}"] if kind else []})
            self.call("POST", f"/api/{caller.user.replace('app:', 'applications/')}/roles/{name}")
        return caller

    def _granting(self, only: str) -> Any:
        def share(kind: str, name: str) -> None:
            if kind != only:
                return
            for access in ACCESSES:
                subjects = [("USER", self.holders[way, kind, access].user) for way in ("person", "bare")]
                for subject in (*subjects, ("GROUP", f"group-{access}"), ("ROLE", f"role-{access}-")):
                    self.call("POST", "/api/auth/authorization", authorization(subject, kind, name, access))
            tags = [{"key": f"gives-{access}", "value": "yes"} for access in ACCESSES]
            self.call("PUT", TAG_PATHS[kind].format(name), [{"key": "mark", "value": name}, *tags])

        return share

    def _own(self, caller: Caller, fixed: dict[str, str]) -> Things:
        def share(kind: str, name: str) -> None:
            self.call("POST", "/api/auth/authorization", authorization(("USER", caller.user), kind, name, *ACCESSES))

        return Things(self.admin, fixed | {"self": caller.user}, share)

    # ---- the cells
    def differences(self, row: Row, asked: Callable[[int], bool]) -> Iterator[str]:
        """Each of the cells, chosen by their numbers, whose answer is another than the table says. Those that use nothing up are asked
        several at a time."""
        chosen = [cell for number, cell in enumerate(self.cells(row)) if asked(number)]
        ask = self.pool.map if row.method == "GET" else map  # a change may use up what the next one is about
        answers = list(ask(lambda cell: cell[4].letter(row, cell[3]), chosen))
        for (relation, column, letter, _, _), (got, text) in zip(chosen, answers, strict=True):
            if got != letter:
                yield f"{relation}, {column}: {letter} expected, {got} came: {text[:200]}"

    def cells(self, row: Row) -> Iterator[tuple[str, str, str, Caller, "Question"]]:
        about = Question(self.others, self.others)
        for name, letters, subject in (
            ("other", row.other, self.others), ("unknown", row.unknown, self.nothing), ("foreign", row.elsewhere, self.foreign),
        ):  # fmt: skip
            for column, letter in by_column(letters) if letters else ():
                yield name, column, letter, self.callers[column], Question(subject, self.others, abroad=subject is self.foreign)
        for column, letter in by_column(row.own) if row.own else ():
            yield "own", column, letter, self.callers[column], Question(self.own[column], self.own[column])
        for elsewhere in (self.others, self.foreign) if row.nested else ():
            for column, letter in by_column(row.nested):
                yield "nested", column, letter, self.callers[column], Question(self.own[column], self.own[column], row.inner, elsewhere)
        for kind, letters in row.grants.items():
            for way in WAYS:
                for access, letter in zip(ACCESSES, row.bare.get(kind, letters) if way == "bare" else letters, strict=True):
                    things = self.granted[kind]
                    yield f"{access} on {kind}", way, letter, self.holders[way, kind, access], Question(things, things)
        yield "other", "nobody", row.nobody, self.nobody, about
        if row.unknown:
            yield "unknown", "nobody", row.nobody, self.nobody, Question(self.nothing, self.others)
            yield "other", "another project's ADMIN", row.abroad, self.stranger, Question(self.others, self.others, abroad=True)


@dataclass(frozen=True)
class Question:
    """`subject`: what is named with `!`; `base`: the rest, save `inner`, which is from `elsewhere`. `abroad`: the caller is of another
    project than the subject, whose name is one project's alone no more once it has made something."""

    subject: Named
    base: Named
    inner: str = ""
    elsewhere: Named | None = None
    abroad: bool = False

    def letter(self, row: Row, caller: Caller) -> tuple[str, str]:
        """What came, as a letter, and its text."""
        used: set[str] = set()

        def name(match: re.Match[str]) -> str:
            if match[1] == "new":
                return new("new")
            if match[1] == self.inner and self.elsewhere is not None:
                return self.elsewhere[match[1]]
            used.add(match[1])
            return (self.subject if match[2] else self.base)[match[1]]

        def filled(text: str) -> str:
            return re.sub(r"\{(\w+)(!?)\}", name, text)

        seen = self.subject[row.sees] if row.sees else ""
        body = row.body if row.body is None or isinstance(row.body, bytes) else json.loads(filled(json.dumps(row.body)))
        answer = caller.ask(row.method, filled(row.path), body)
        if (row.spends or (self.abroad and row.method != "GET")) and answer.status_code < 300:
            for things in (self.subject, self.base):
                if isinstance(things, Things):
                    things.forget(used)
        return _letter(row, answer, seen), answer.text

    def __post_init__(self) -> None:
        assert bool(self.inner) == (self.elsewhere is not None)


def _letter(row: Row, answer: Answer, seen: str) -> str:
    if answer.status_code == 200 and row.sees:
        return "s" if f'"{seen}"' in answer.text else "."
    if answer.status_code == 200 and answer.text in ("true", "false"):
        return answer.text[0]
    return LETTER.get(answer.status_code, str(answer.status_code))


@contextmanager
def cast_on(folder: Path, database: str | None) -> Iterator[Cast]:
    with live_server(folder, database) as server:
        cast = Cast(server)
        try:
            yield cast
        finally:
            cast.pool.shutdown()
            cast.wires.close()
