"""How floor 2 is put together over one store: for a server (bootstrap.py), for commands, for tests."""

from dataclasses import dataclass
from functools import partial

from stagedoor.core.advisor import Advisor
from stagedoor.core.application import Applications
from stagedoor.core.audit import Audit
from stagedoor.core.auth_session import AuthSessions
from stagedoor.core.connection import Connections
from stagedoor.core.credential import Credentials
from stagedoor.core.custom_role import Roles
from stagedoor.core.end_user import EndUsers
from stagedoor.core.environment import Environment
from stagedoor.core.external import ExternalStores
from stagedoor.core.grant import Grants
from stagedoor.core.group import Groups
from stagedoor.core.identity import Directory
from stagedoor.core.integration import Integrations
from stagedoor.core.masterkey import AUDIT, MasterKeys
from stagedoor.core.member import Members
from stagedoor.core.operator import Operators
from stagedoor.core.password import bind_old
from stagedoor.core.principal import Principal
from stagedoor.core.project import DEFAULT, Projects
from stagedoor.core.project_key import ProjectKeys
from stagedoor.core.project_signing import ProjectSigning
from stagedoor.core.publishable_key import PublishableKeys
from stagedoor.core.secret import Secrets
from stagedoor.core.signin import SignIns
from stagedoor.core.signing import SigningKeys
from stagedoor.core.usage import Usage
from stagedoor.kit.clock import Clock, SystemClock
from stagedoor.kit.crypto import Key
from stagedoor.kit.errors import BadInput, Unavailable
from stagedoor.kit.ids import new_id
from stagedoor.kit.masterkey import AtHand, KeyFile
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.settings import DATABASE_FILE, MASTER_KEY_FILE, Settings
from stagedoor.store.sqlite import SqliteStore
from stagedoor.store.store import Store, Transaction

STARTING = "stagedoor-start"
NOT_SET_UP = "this store has not been set up: run `stagedoor init` first"


def master_keys(settings: Settings, clock: Clock | None = None) -> MasterKeys:
    """From the environment where it is given, else from the file in the data directory; and those that a rotation brings in, and what
    lies with the key service."""
    texts = [SecretValue(text) for text in (settings.master_key, settings.new_master_key) if text]
    at_hand = AtHand(texts, KeyFile(settings.data / MASTER_KEY_FILE), only_new=settings.master_key is not None)
    return MasterKeys(at_hand, clock or SystemClock(), settings.key_service.unwrap if settings.key_service else None)


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
    environment: Environment
    keys: MasterKeys
    external: ExternalStores
    project_keys: ProjectKeys
    end_users: EndUsers
    auth_sessions: AuthSessions
    integrations: Integrations
    connections: Connections

    def recognise(self, tx: Transaction) -> None:
        """A store of an earlier version learns its master key's name, and its credentials get their MACs. Once."""
        if tx.one("master_key_active") is None:
            if not self.signing.recognise(tx):
                raise Unavailable(NOT_SET_UP)
            self.credentials.vouch_for_old(tx)
            bind_old(tx, self.keys)
            told = "of an earlier version: its credentials and passwords are vouched for as they stand"
            self.audit.change(tx, Principal(DEFAULT, STARTING), "store.recognise", "STORE", told)


def make_core(store: Store, keys: MasterKeys | Key, clock: Clock) -> Core:
    """`keys`: or the one master key that is all there is."""
    keys = MasterKeys(AtHand(given=(keys,)), clock) if isinstance(keys, Key) else keys
    audit, usage = Audit(partial(keys.derived, purpose=AUDIT), clock, new_id), Usage(clock)
    grants = Grants(clock, audit, usage)
    roles = Roles(clock, audit, grants)
    end_users = EndUsers(clock, new_id, audit, grants)
    directory = Directory(clock, new_id, audit, roles, keys)
    credentials = Credentials(clock, new_id, audit, keys)
    projects = Projects(keys, clock, new_id, PublishableKeys(credentials, audit))
    secrets = Secrets(clock, new_id, audit, grants, projects)
    connections = Connections(secrets, end_users, audit, clock, new_id)
    end_users.forget.append(connections.forget)
    return Core(
        store, clock, audit, projects, directory, roles, Groups(clock, audit, grants, directory), grants,
        Applications(clock, new_id, audit, grants, directory),
        credentials, secrets,
        SigningKeys(keys, clock, new_id),
        Operators(clock, audit), Members(directory), SignIns(credentials, directory, audit),
        usage, Advisor(clock, audit, directory), Environment(clock, audit, grants), keys,
        ExternalStores(secrets, audit, clock, new_id),
        ProjectKeys(clock, new_id, audit, credentials, ProjectSigning(keys, clock, new_id, audit)),
        end_users, AuthSessions(end_users, clock, new_id, audit, keys),
        Integrations(secrets, audit, clock, new_id), connections,
    )  # fmt: skip
