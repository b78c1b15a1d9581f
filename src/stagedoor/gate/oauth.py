"""What `/oauth` and the trusts of applications ask of the gate."""

from dataclasses import dataclass

from stagedoor.core.federation import Trusts
from stagedoor.gate.federation import Federation
from stagedoor.gate.gate import Gate
from stagedoor.gate.inspection import Inspection
from stagedoor.gate.issuers import Issuers
from stagedoor.gate.token_exchange import TokenExchange


@dataclass(frozen=True)
class OAuth:
    inspection: Inspection
    exchange: TokenExchange
    federation: Federation
    trusts: Trusts


def oauth(gate: Gate, trusts: Trusts, issuers: Issuers) -> OAuth:
    federation = Federation(gate.store, trusts, gate.applications, issuers, trusts.clock)
    exchange = TokenExchange(gate.authenticator, gate.exchange, federation, gate.exchange.mint)
    return OAuth(Inspection(gate, trusts.clock), exchange, federation, trusts)
