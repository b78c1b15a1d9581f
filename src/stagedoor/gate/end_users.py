"""End users and auth sessions at the gate, for who shows a project's secret key: it is asked once more in each change."""

from dataclasses import dataclass

from stagedoor.core.auth_session import USUAL, AuthSession, AuthSessions
from stagedoor.core.end_user import EndUser, EndUsers, NewEndUser
from stagedoor.core.principal import Principal
from stagedoor.gate.gate import Gate
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store.store import Transaction


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """`minutes` that the link lives; `redirect_url` where the end user goes at the end."""

    publishable_key: str
    end_user_id: str
    minutes: float = USUAL
    redirect_url: str | None = None


@dataclass(frozen=True)
class EndUserVerbs:
    gate: Gate
    end_users: EndUsers
    sessions: AuthSessions

    async def create(self, who: Principal, new: NewEndUser) -> EndUser:
        def within(tx: Transaction) -> EndUser:
            self._still_good(tx, who)
            return self.end_users.create(tx, who, new)

        return await self.gate.change(within)

    async def all(self, who: Principal) -> list[EndUser]:
        return await self.gate.scan(lambda tx: self.end_users.all(tx, who.project))

    async def get(self, who: Principal, end_user_id: str) -> EndUser:
        return await self.gate.look(lambda tx: self.end_users.get(tx, who.project, end_user_id))

    async def delete(self, who: Principal, end_user_id: str) -> None:
        def within(tx: Transaction) -> None:
            self._still_good(tx, who)
            self.end_users.delete(tx, who, end_user_id)

        await self.gate.change(within)

    async def link(self, who: Principal, asked: LinkRequest) -> tuple[AuthSession, SecretValue]:
        """A link for one end user, and its client secret, shown this once."""

        def within(tx: Transaction) -> tuple[AuthSession, SecretValue]:
            self._still_good(tx, who)
            self.gate.projects.publishable.check(tx, who.project, asked.publishable_key)
            return self.sessions.create(tx, who, asked.end_user_id, minutes=asked.minutes, redirect_url=asked.redirect_url)

        return await self.gate.change(within)

    def _still_good(self, tx: Transaction, who: Principal) -> None:
        """Unauthenticated where the key has been paused or deleted meanwhile."""
        if who.credential is not None:
            self.gate.credentials.alive(tx, who.credential)
