"""The only place that builds things: from settings to a running server's parts."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from stagedoor.core.advisor import Advisor
from stagedoor.core.application import Applications
from stagedoor.core.audit import Audit
from stagedoor.core.credential import Credentials
from stagedoor.core.custom_role import Roles
from stagedoor.core.grant import Grants
from stagedoor.core.group import Groups
from stagedoor.core.identity import Directory
from stagedoor.core.invite import Invites
from stagedoor.core.member import Members
from stagedoor.core.operator import Operators
from stagedoor.core.project import DEFAULT, Projects
from stagedoor.core.secret import Secrets
from stagedoor.core.signin import SignIns
from stagedoor.core.signing import SigningKeys
from stagedoor.core.usage import Usage
from stagedoor.engine.embedded.engine import EmbeddedEngine
from stagedoor.engine.embedded.script import ScriptPool
from stagedoor.gate.authority import Authenticator, Realm
from stagedoor.gate.conditions import Conditions
from stagedoor.gate.definitions import Definitions
from stagedoor.gate.doors import GateDoors
from stagedoor.gate.egress import Egress
from stagedoor.gate.exchange import Exchange, unmatchable_hash
from stagedoor.gate.executions import Executions
from stagedoor.gate.failures import Failures, recorded
from stagedoor.gate.gate import Gate
from stagedoor.gate.handoff import Handoff
from stagedoor.gate.hashing import Hashing
from stagedoor.gate.invitations import Invitations
from stagedoor.gate.limits import Limits
from stagedoor.gate.opening import Opening
from stagedoor.gate.outbound import Outbound
from stagedoor.gate.persons import Persons
from stagedoor.gate.recording import Recording, counting
from stagedoor.gate.sealing import Sealing
from stagedoor.gate.server import Server
from stagedoor.gate.tenants import Tenants
from stagedoor.kit.clock import Clock, SystemClock
from stagedoor.kit.crypto import Key, KeyProblem, SealBroken, parse_master_key, read_master_key
from stagedoor.kit.errors import BadInput, Unavailable
from stagedoor.kit.ids import new_id
from stagedoor.kit.tokens import SigningKey
from stagedoor.settings import DATABASE_FILE, MASTER_KEY_FILE, Settings
from stagedoor.store.sqlite import SqliteStore
from stagedoor.store.store import Store

AUDIENCE = "conductor"
NOT_SET_UP = "this store has not been set up: run `stagedoor init` first"


def master_key(settings: Settings) -> Key:
    """From the environment where it is given, else from the file in the data directory."""
    if settings.master_key:
        return parse_master_key(settings.master_key)
    return read_master_key(settings.data / MASTER_KEY_FILE)


def make_store(settings: Settings) -> Store:
    if settings.database:
        from stagedoor.store.postgres import PostgresStore  # the extra `postgres` brings its driver

        try:
            return PostgresStore(settings.database)
        except ValueError as problem:
            raise BadInput(f"database: {problem}", "database") from None
    return SqliteStore(settings.data / DATABASE_FILE, synchronous=settings.synchronous)


@dataclass(frozen=True)
class Core:
    """Floor 2 and the signing keys, over one store."""

    store: Store
    clock: Clock
    audit: Audit
    projects: Projects
    directory: Directory
    roles: Roles
    groups: Groups
    grants: Grants
    applications: Applications
    credentials: Credentials
    secrets: Secrets
    signing: SigningKeys
    operators: Operators
    members: Members
    sign_ins: SignIns
    usage: Usage
    advisor: Advisor


def make_core(store: Store, master: Key, clock: Clock) -> Core:
    audit, usage = Audit(master.derive("audit"), clock, new_id), Usage(clock)
    projects = Projects(master, clock, new_id)
    grants = Grants(clock, audit, usage)
    roles = Roles(clock, audit, grants)
    directory = Directory(clock, new_id, audit, roles)
    credentials = Credentials(clock, new_id, audit)
    return Core(
        store, clock, audit, projects, directory, roles, Groups(clock, audit, grants, directory), grants,
        Applications(clock, new_id, audit, grants, directory),
        credentials,
        Secrets(clock, new_id, audit, grants, projects),
        SigningKeys(master, clock, new_id),
        Operators(clock, audit), Members(directory), SignIns(credentials, directory, audit),
        usage, Advisor(clock, audit, directory),
    )  # fmt: skip


@asynccontextmanager
async def open_core(settings: Settings) -> AsyncIterator[Core]:
    """Floor 2 over a store that has been set up, for commands. Others may serve the same store meanwhile."""
    if not settings.database and not (settings.data / DATABASE_FILE).exists():
        raise Unavailable(NOT_SET_UP)
    core = make_core(make_store(settings), master_key(settings), SystemClock())
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
    core = make_core(make_store(settings), master_key(settings), clock)
    await core.store.open()
    try:
        keys = await _signing_keys(core)
        realm = Realm(settings.issuer, AUDIENCE, {key.kid: key for key in keys})
        async with ScriptPool(size=settings.script_processes) as scripts, Outbound(settings.egress) as outbound:
            server = _make_server(core, realm, scripts, outbound)
            await server.gate.engine.open()
            try:
                async with recorded(server.gate.exchange.failures), counting(Recording(core.store, core.usage, core.projects)):
                    yield server
            finally:
                await server.gate.engine.close()
    finally:
        await core.store.close()


async def _signing_keys(core: Core) -> list[SigningKey]:
    try:
        keys = await core.store.scan(core.signing.all)
    except SealBroken:
        raise KeyProblem("the master key is not the one that this store was made with") from None
    if not keys:
        raise Unavailable(NOT_SET_UP)
    return keys


def _make_server(core: Core, realm: Realm, scripts: ScriptPool, outbound: Outbound) -> Server:
    conditions = Conditions(core.secrets, core.projects, core.usage)
    opening = Opening(core.secrets, core.audit, core.clock)
    egress = Egress(core.store, conditions, opening, core.audit, outbound)
    doors = GateDoors(Handoff(conditions, opening, core.audit), egress, core.secrets)
    engine = EmbeddedEngine(core.store, doors, scripts, clock=core.clock, new_id=new_id)
    hashing = Hashing(core.clock)
    exchange = Exchange(
        core.store, core.credentials, core.sign_ins, core.clock, new_id, realm,
        Limits.by(core.clock), hashing, Failures(core.store, core.audit, core.clock, DEFAULT), unmatchable_hash(new_id), core.usage,
    )  # fmt: skip
    gate = Gate(
        core.store, core.audit, core.projects, core.directory, core.roles, core.groups, core.applications, core.credentials,
        core.grants, core.secrets, engine, Sealing(core.secrets, new_id, core.usage),
        Authenticator(core.store, core.credentials, core.clock, realm), exchange, core.usage, core.advisor,
    )  # fmt: skip
    definitions = Definitions(gate)
    invitations = Invitations(core.store, Invites(core.clock, new_id, core.audit, core.roles), hashing)
    return Server(
        gate, definitions, Executions(gate, definitions), Persons(gate), invitations, realm, Tenants(gate, core.operators, core.members)
    )


def synchronous_mode() -> Literal["FULL", "NORMAL"]:
    """SQLite's `synchronous`: FULL, save for the harness that shows what NORMAL loses."""
    return "NORMAL" if os.environ.get("STAGEDOOR_SQLITE_SYNCHRONOUS") == "NORMAL" else "FULL"
