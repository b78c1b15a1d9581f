"""Console sessions at the gate: a browser signs in, has itself given short access tokens, signs out."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from stagedoor.core.console_session import ConsoleSessions
from stagedoor.core.principal import Principal
from stagedoor.gate.exchange import Exchange, SignIn
from stagedoor.gate.mint import Minted
from stagedoor.kit.errors import Unauthenticated
from stagedoor.kit.keyformat import CONSOLE_SESSION
from stagedoor.kit.secretvalue import SecretValue

TOKEN_LIFE = 10 * 60_000


@dataclass(frozen=True)
class Opened:
    """`cookie`: what the browser keeps; it is shown to nobody else, and to none again."""

    cookie: SecretValue
    who: Principal
    token: Minted


@dataclass(frozen=True)
class ConsoleVerbs:
    exchange: Exchange
    sessions: ConsoleSessions

    async def open(self, asked: SignIn, brought: Sequence[SecretValue], address: str) -> Opened:
        """A new session under a new cookie, whatever cookies the browser `brought` along: their sessions end."""
        cookie = SecretValue(CONSOLE_SESSION.new())
        who = await self.exchange.sign_in(asked, address, cookie)
        for old in brought:
            await self.close(old, address)
        return Opened(cookie, who, await self.exchange.mint.token(who, TOKEN_LIFE))

    async def token(self, cookie: SecretValue, address: str) -> Minted:
        """Another token by the session; Unauthenticated where that is over. None outlives it."""
        reading = self.exchange.store.read(lambda tx: self.sessions.prove(tx, cookie))
        proven = await self.exchange.counted(reading, address)
        self.exchange.usage.seen(proven.principal, address)
        return await self.exchange.mint.token(proven.principal, min(TOKEN_LIFE, proven.until - self.exchange.clock.now()))

    async def close(self, cookie: SecretValue, address: str) -> None:
        """Ended where it was not yet: who signs out need not be told otherwise."""
        with suppress(Unauthenticated):
            await self.exchange.counted(self.exchange.store.write(lambda tx: self.sessions.end(tx, cookie)), address)


def console(exchange: Exchange) -> ConsoleVerbs:
    return ConsoleVerbs(exchange, ConsoleSessions(exchange.credentials))
