"""What a dialect is made over: the gate and its verbs."""

from dataclasses import dataclass

from stagedoor.gate.authority import Realm
from stagedoor.gate.definitions import Definitions
from stagedoor.gate.executions import Executions
from stagedoor.gate.gate import Gate


@dataclass(frozen=True)
class Server:
    gate: Gate
    definitions: Definitions
    executions: Executions
    realm: Realm
