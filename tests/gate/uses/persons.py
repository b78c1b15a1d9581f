"""Persons with a session each, as if they had signed in; and what they hold on the stage's secret."""

import asyncio
from dataclasses import dataclass
from typing import Any

import msgspec

from stagedoor.bootstrap import open_core
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT
from stagedoor.kit.tokens import Claims
from stagedoor.settings import Settings
from stagedoor.store.store import Transaction
from tests.api.authorization.forge import claims_in
from tests.api.authorization.world import new
from tests.gate.doors.stage import Stage
from tests.support.server import ADMIN, Api


@dataclass
class Person:
    user: str
    api: Api


@dataclass
class Persons:
    stage: Stage

    def make(self, *access: str, roles: tuple[str, ...] = (), by: str = "tests") -> Person:
        """A person with these accesses on the secret, whose account `by` made."""
        user = new("person")

        def within(core: Any, tx: Transaction) -> str:
            core.directory.create(tx, Principal(DEFAULT, by), user, None, [])
            for role in roles:
                core.directory.give_role(tx, Principal(DEFAULT, by), f"USER:{user}", role)
            return self._session(core, tx, user)

        made = self._signed(user, within)
        if access:
            self.grant(self.stage.admin, user, *access)
        return made

    def first_admin(self) -> Person:
        """Whom `stagedoor init` made."""
        return self.signed_in(ADMIN)

    def signed_in(self, user: str) -> Person:
        return self._signed(user, lambda core, tx: self._session(core, tx, user))

    def operator(self, email: str) -> Person:
        """A person, as an operator inside the project."""
        user = f"operator:{email}"

        def within(core: Any, tx: Transaction) -> str:
            core.operators.add(tx, Principal(DEFAULT, "tests"), email)
            core.directory.give_role(tx, Principal(DEFAULT, user), f"USER:{user}", "ADMIN")
            return self._session(core, tx, user)

        return self._signed(user, within)

    def grant(self, by: Api, user: str, *access: str) -> None:
        target = {"type": "SECRET_NAME", "id": self.stage.secret}
        by.call("POST", "/api/auth/authorization", {"subject": {"type": "USER", "id": user}, "target": target, "access": list(access)})

    def _session(self, core: Any, tx: Transaction, user: str) -> str:
        session: str = core.credentials.open_session(tx, DEFAULT, user, self._claims()["exp"] * 1000)
        return session

    def _claims(self) -> dict[str, Any]:
        first = self.stage.server.first
        return claims_in(self.stage.server.token(first["keyId"], first["keySecret"]))

    def _signed(self, user: str, within: Any) -> Person:
        async def make() -> tuple[Any, str]:
            async with open_core(Settings(data=self.stage.server.data, database=self.stage.server.database)) as core:
                key = (await core.store.scan(core.signing.all))[0]
                return key, await core.store.write(lambda tx: within(core, tx))

        key, session = asyncio.run(make())
        claims = msgspec.convert(self._claims(), Claims)
        token = key.sign(msgspec.structs.replace(claims, sub=user, client_id=session))
        return Person(user, self.stage.server.api(token))
