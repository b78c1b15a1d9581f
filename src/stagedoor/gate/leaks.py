"""Reports of leaked credentials: their signature is checked over the exact bytes before anything in them is looked at."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice

import msgspec

from stagedoor.core.credential_use import Counts, Listed, Shown, listed, shown, since
from stagedoor.core.leak import Known, Leak, Leaks, Match
from stagedoor.core.permission import NOTHING, Access
from stagedoor.core.principal import APPLICATION_PREFIX, Principal
from stagedoor.core.usage import DAY
from stagedoor.gate.gate import Gate
from stagedoor.gate.leak_keys import LeakKeys
from stagedoor.kit import strictjson
from stagedoor.kit.crypto import digest
from stagedoor.kit.errors import Forbidden
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.store.store import Transaction

SHOWN = 200
"""Leaks in one answer."""
PAGE = 1_000
"""Credentials in one answer."""
UNSIGNED = "a signature over the body by a key of those who may"


class Feedback(msgspec.Struct, frozen=True):
    """What the reporter learns of one match: SHA-256 of the token in hex, never the token."""

    token_hash: str
    token_type: str
    label: str


class Uses(Shown, frozen=True, kw_only=True):
    """A credential and what came of its use."""

    uses: Counts


@dataclass(frozen=True)
class Signed:
    """A body as it came, with its two headers."""

    body: bytes
    identifier: str
    signature: str


@dataclass(frozen=True)
class LeakDesk:
    gate: Gate
    leaks: Leaks
    keys: LeakKeys

    async def report(self, sent: Signed) -> list[Feedback]:
        """Forbidden unless one of the reporters signed exactly these bytes; Unavailable where their keys cannot be had."""
        found = await self.keys.find(sent.identifier)
        if found is None or not found[1].signed(sent.body, sent.signature):  # nobody's deed: the API counts it by address
            raise Forbidden(f"You don't have permissions to report leaks (missing: {UNSIGNED})", audited=True)
        matches: list[Match] = strictjson.decode_as(list[Match], sent.body)
        return [Feedback(digest(one.token), one.type, await self._one(one, f"{found[0]} {sent.identifier}"[:200])) for one in matches]

    async def _one(self, match: Match, reporter: str) -> str:
        """Looked up first without a write: most of what is reported was never ours."""
        known: Known | None = await self.gate.scan(lambda tx: self.leaks.known(tx, SecretValue(match.token)))
        if known is not None:
            known = await self.gate.change(partial(self.leaks.report, match=match, reported_by=reporter))
        return "true_positive" if known is not None else "false_positive"

    async def all(self, who: Principal, before: int | None, start: int | None) -> list[Leak]:
        """Those of credentials that the caller may manage, newest first."""
        manages = await self._manages(who)

        def within(tx: Transaction) -> list[Leak]:
            found = self.leaks.all(tx, who.project, 2**53 if before is None else before, start)
            return [make() for _, make in islice((one for one in found if manages(one[0])), SHOWN)]

        return await self.gate.scan(within)

    async def uses(self, who: Principal, credential: str, days: int) -> Uses | None:
        """None where there is no such credential, or the caller may not manage it."""
        manages, now = await self._manages(who), self.leaks.clock.now()

        def within(tx: Transaction) -> Uses | None:
            found = shown(tx, who.project, credential, now)
            if found is None or not manages(found.owner):
                return None
            counts = since(tx, who.project, credential, found.owner, now - days * DAY)
            return Uses(**msgspec.structs.asdict(found), uses=counts)

        return await self.gate.scan(within)

    async def credentials(self, who: Principal, after: str, kind: str | None) -> list[Listed]:
        """Those that the caller may manage, of every kind or of one, by their ids: those that come after this one."""
        manages, now = await self._manages(who), self.leaks.clock.now()

        def within(tx: Transaction) -> list[Listed]:
            wanted = (one for one in listed(tx, who.project, now, after) if manages(one.owner) and kind in (None, one.kind))
            return list(islice(wanted, PAGE))

        return await self.gate.scan(within)

    async def _manages(self, who: Principal) -> Callable[[str], bool]:
        """Whose credentials: one's own (not by one with a ceiling), those of applications one may UPDATE, all to an administrator."""
        authority = await self.gate.authenticator.authority(who, NOTHING)
        if "ADMIN_MANAGEMENT" in authority.permissions:
            return lambda owner: True
        updates = await self.gate.visible(who, Access.UPDATE, "APPLICATION")
        own = who.user if who.ceiling is None else None

        def manages(owner: str) -> bool:
            return owner == own or (owner.startswith(APPLICATION_PREFIX) and updates(owner.removeprefix(APPLICATION_PREFIX)))

        return manages
