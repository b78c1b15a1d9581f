"""What a dialect is made over: the gate and its verbs."""

from dataclasses import dataclass

from stagedoor.gate.api_keys import ApiKeyVerbs
from stagedoor.gate.connecting import Connecting
from stagedoor.gate.console import ConsoleVerbs
from stagedoor.gate.definitions import Definitions
from stagedoor.gate.end_users import EndUserVerbs
from stagedoor.gate.execution_tokens import ExecutionTokens
from stagedoor.gate.executions import Executions
from stagedoor.gate.external import StoreVerbs
from stagedoor.gate.gate import Gate
from stagedoor.gate.invitations import Invitations
from stagedoor.gate.keyring import Realm
from stagedoor.gate.leaks import LeakDesk
from stagedoor.gate.oauth import OAuth
from stagedoor.gate.persons import Persons
from stagedoor.gate.project_keys import ProjectKeyVerbs
from stagedoor.gate.rotations import Rotations
from stagedoor.gate.tenants import Tenants


@dataclass(frozen=True)
class Server:
    gate: Gate
    definitions: Definitions
    executions: Executions
    persons: Persons
    invitations: Invitations
    realm: Realm
    tenants: Tenants
    stores: StoreVerbs
    api_keys: ApiKeyVerbs
    project_keys: ProjectKeyVerbs
    end_users: EndUserVerbs
    connecting: Connecting
    oauth: OAuth
    leaks: LeakDesk
    rotations: Rotations
    execution_tokens: ExecutionTokens
    console: ConsoleVerbs
