"""The only place that builds things, floor 2 in foundation.py: from settings to a running server's parts."""

import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Literal

from stagedoor.core.api_key import ApiKeys
from stagedoor.core.earlier import complete, lacks
from stagedoor.core.federation import Trusts
from stagedoor.core.invite import Invites
from stagedoor.core.leak import Leaks
from stagedoor.core.masterkey import MasterKeyMissing, reason
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT
from stagedoor.core.usage import DAY
from stagedoor.core.visit import Visits
from stagedoor.engine.embedded.engine import EmbeddedEngine
from stagedoor.engine.embedded.script import ScriptPool
from stagedoor.foundation import NOT_SET_UP, STARTING, Core, make_core, make_store, master_keys
from stagedoor.gate.api_keys import ApiKeyVerbs
from stagedoor.gate.authority import Authenticator
from stagedoor.gate.chores import Chore
from stagedoor.gate.conditions import Conditions
from stagedoor.gate.connected import Connected
from stagedoor.gate.connecting import Connecting
from stagedoor.gate.console import console
from stagedoor.gate.definitions import Definitions
from stagedoor.gate.doors import GateDoors
from stagedoor.gate.egress import Egress
from stagedoor.gate.end_users import EndUserVerbs
from stagedoor.gate.exchange import Exchange
from stagedoor.gate.execution_tokens import ExecutionTokens
from stagedoor.gate.executions import Executions
from stagedoor.gate.external import StoreVerbs
from stagedoor.gate.failures import Failures, recorded
from stagedoor.gate.gate import Gate
from stagedoor.gate.handoff import Handoff
from stagedoor.gate.hashing import Hashing
from stagedoor.gate.invitations import Invitations
from stagedoor.gate.issuers import Issuers, opened_issuers
from stagedoor.gate.keeping import Keeping
from stagedoor.gate.keyring import Keyring, Realm
from stagedoor.gate.leak_keys import LeakKeys, opened_leak_keys
from stagedoor.gate.leaks import LeakDesk
from stagedoor.gate.limits import Limits
from stagedoor.gate.mint import Mint
from stagedoor.gate.oauth import oauth
from stagedoor.gate.opening import Opening
from stagedoor.gate.outbound import Outbound
from stagedoor.gate.persons import Persons
from stagedoor.gate.project_keys import ProjectKeyVerbs
from stagedoor.gate.provider import Providers
from stagedoor.gate.recording import Recording, counting
from stagedoor.gate.reminders import HOUR, Reminders
from stagedoor.gate.renewing import Renewing
from stagedoor.gate.rotations import Retiring, rotations
from stagedoor.gate.sealing import Sealing
from stagedoor.gate.server import Server
from stagedoor.gate.stores import Stores
from stagedoor.gate.tenants import Tenants
from stagedoor.gate.use_counts import MINUTE, UseCounts
from stagedoor.gate.variables import Variables
from stagedoor.gate.vault import LIMITS as VAULT_LIMITS
from stagedoor.gate.vault import Vault
from stagedoor.kit.clock import Clock, SystemClock
from stagedoor.kit.crypto import KeyProblem, SealBroken
from stagedoor.kit.errors import StagedoorError, Unavailable
from stagedoor.kit.ids import new_id
from stagedoor.kit.passwords import unmatchable_hash
from stagedoor.kit.tokens import SigningKey
from stagedoor.settings import DATABASE_FILE, Settings
from stagedoor.store.store import Transaction

__all__ = ["Core", "make_core", "make_store", "master_keys", "open_core", "open_server", "opened_stores", "synchronous_mode"]
AUDIENCE = "conductor"
ANOTHER = "the master key is not the one that this store was made with"


@asynccontextmanager
async def open_core(settings: Settings) -> AsyncIterator[Core]:
    """Floor 2 over a store that has been set up, for commands. Others may serve the same store meanwhile."""
    if not settings.database and not (settings.data / DATABASE_FILE).exists():
        raise Unavailable(NOT_SET_UP)
    core = make_core(make_store(settings), master_keys(settings), SystemClock())
    await core.store.open()
    try:
        await _signing_keys(core)  # by another master key, a project made here could never be opened
        yield core
    finally:
        await core.store.close()


@asynccontextmanager
async def open_server(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Server]:
    """Everything of floors 1 to 4, opened; closed again at the end."""
    clock = clock or SystemClock()
    core = make_core(make_store(settings), master_keys(settings, clock), clock)
    await core.store.open()
    try:
        await _signing_keys(core)
        realm = Realm(settings.issuer, AUDIENCE, Keyring(core.store, core.signing, clock))
        async with (
            ScriptPool(size=settings.script_processes) as scripts,
            Outbound(settings.egress) as outbound,
            opened_stores(core, settings) as stores,
            opened_issuers(settings.egress, core.clock) as issuers,
            opened_leak_keys(settings.leak_keys, settings.egress, clock) as leak_keys,
        ):
            core.keys.serving()
            providers = Providers(outbound, settings.egress)
            server = _make_server(core, realm, scripts, Outside(outbound, stores, providers, issuers, leak_keys))
            await server.gate.engine.open()
            try:
                async with recorded(server.gate.exchange.failures), counting(_recording(core)), _renewing(core, providers):
                    yield server
            finally:
                await server.gate.engine.close()
    finally:
        await core.store.close()


@dataclass(frozen=True)
class Outside:
    """What a server reaches beyond itself."""

    outbound: Outbound
    stores: Stores
    providers: Providers
    issuers: Issuers
    leak_keys: LeakKeys


@asynccontextmanager
async def opened_stores(core: Core, settings: Settings) -> AsyncIterator[Stores]:
    """With connections of its own, so that slow workflows keep no secret waiting."""
    async with Outbound(settings.egress, limits=VAULT_LIMITS) as outbound:
        vault = Vault(outbound, settings.egress, core.clock)
        stores = Stores(core.store, core.secrets, core.external, vault, core.clock, settings.store_cache)
        try:
            yield stores
        finally:
            await stores.close()


def _recording(core: Core) -> Recording:
    async def prune(project: str, now: int) -> None:
        for each in (core.usage.prune, core.auth_sessions.prune):
            await core.store.write(partial(each, project=project))

    chore = partial(Chore, core.store, core.projects, core.clock)
    reminders, counts, retiring = Reminders(core.store, core.audit), UseCounts(core.store), Retiring(core.store, core.credentials)
    chores = (chore(DAY, prune), chore(HOUR, reminders.give), chore(MINUTE, counts.count), chore(MINUTE, retiring.look))
    return Recording(core.store, core.usage, chores)


async def _signing_keys(core: Core) -> list[SigningKey]:
    """Opened by the master key: another one is seen here, before anything is written under it."""
    try:
        if await core.store.read(lambda tx: tx.one("master_key_active")) is None:
            await core.store.write(core.recognise)
        keys = await core.store.scan(core.signing.all)
    except MasterKeyMissing as missing:
        if not isinstance(missing.__cause__, MasterKeyMissing):
            raise KeyProblem(reason(missing)) from None
        core.keys.at_hand.first()  # says what is wrong with a file that is missing
        raise KeyProblem(ANOTHER) from None
    except SealBroken as broken:
        if await core.store.read(lambda tx: tx.one("master_key_active")) is None:
            raise KeyProblem(ANOTHER) from None
        with suppress(StagedoorError):  # the very key for the audit may be what does not open
            await core.store.write(partial(_told_of, core, broken))
        raise KeyProblem(broken.message) from None
    if not keys:
        raise Unavailable(NOT_SET_UP)
    if await core.store.scan(lacks):
        await core.store.write(lambda tx: complete(tx, core.keys, core.projects.publishable, STARTING))
    return keys


def _told_of(core: Core, broken: SealBroken, tx: Transaction) -> None:
    core.audit.refusal(tx, Principal(DEFAULT, STARTING), "start", "STORE", broken.message)


def _make_server(core: Core, realm: Realm, scripts: ScriptPool, outside: Outside) -> Server:
    conditions = Conditions(core.secrets, core.projects, core.usage)
    fields = Connected(core.secrets, core.connections, conditions.rights)
    opening = Opening(core.secrets, core.audit, core.clock, outside.stores, fields)
    egress = Egress(core.store, conditions, opening, core.audit, outside.outbound)
    variables = Variables(core.environment, core.audit, core.usage)
    keeping = Keeping(core.secrets, core.audit, core.clock, core.usage)
    doors = GateDoors(Handoff(conditions, opening, core.audit, variables), egress, core.secrets, keeping)
    engine = EmbeddedEngine(core.store, doors, scripts, clock=core.clock, new_id=new_id, environment=variables.value)
    hashing = Hashing(core.clock)
    exchange = Exchange(
        core.store, core.credentials, core.sign_ins, core.clock, new_id, Mint(realm, core.clock, new_id),
        Limits.by(core.clock), hashing, Failures(core.store, core.audit, core.clock, DEFAULT), unmatchable_hash(), core.usage,
    )  # fmt: skip
    gate = Gate(
        core.store, core.audit, core.projects, core.directory, core.roles, core.groups, core.applications, core.credentials,
        core.grants, core.secrets, engine, Sealing(core.secrets, new_id, core.usage),
        Authenticator(core.store, core.credentials, core.clock, realm, engine), exchange, core.usage, core.advisor,
        core.environment, outside.stores,
    )  # fmt: skip
    api_keys = ApiKeys(core.clock, new_id, core.audit, core.credentials)
    definitions = Definitions(gate, variables)
    invitations = Invitations(core.store, Invites(core.clock, new_id, core.audit, core.roles, core.credentials), hashing)
    return Server(
        gate, definitions, Executions(gate, definitions, core.end_users), Persons(gate), invitations, realm,
        Tenants(gate, core.operators, core.members), StoreVerbs(gate, core.external),
        api_keys=ApiKeyVerbs(gate, api_keys),
        project_keys=ProjectKeyVerbs(gate, core.project_keys),
        end_users=EndUserVerbs(gate, core.end_users, core.auth_sessions),
        connecting=_connecting(core, outside),
        oauth=oauth(gate, Trusts(core.credentials, core.audit, core.clock, new_id), outside.issuers),
        leaks=LeakDesk(gate, Leaks(core.clock, core.audit, core.credentials, core.signing), outside.leak_keys),
        rotations=rotations(gate, api_keys, core.project_keys),
        execution_tokens=ExecutionTokens(gate, exchange.mint),
        console=console(exchange),
    )  # fmt: skip


def _connecting(core: Core, outside: Outside) -> Connecting:
    visits, publishable = Visits(core.clock, core.keys), core.projects.publishable
    return Connecting(core.store, core.auth_sessions, publishable, core.integrations, core.connections, visits, outside.providers)


def _renewing(core: Core, providers: Providers) -> AbstractAsyncContextManager[None]:
    return Renewing(core.store, core.projects, core.integrations, core.connections, providers).running()


def synchronous_mode() -> Literal["FULL", "NORMAL"]:
    """SQLite's `synchronous`: FULL, save for the harness that shows what NORMAL loses."""
    return "NORMAL" if os.environ.get("STAGEDOOR_SQLITE_SYNCHRONOUS") == "NORMAL" else "FULL"
