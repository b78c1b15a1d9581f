"""What a dialect is made over: the gate and its verbs."""

from dataclasses import dataclass

from stagedoor.gate.authority import Realm
from stagedoor.gate.definitions import Definitions
from stagedoor.gate.executions import Executions
from stagedoor.gate.external import StoreVerbs
from stagedoor.gate.gate import Gate
from stagedoor.gate.invitations import Invitations
from stagedoor.gate.persons import Persons
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
