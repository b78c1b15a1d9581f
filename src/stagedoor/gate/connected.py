"""Fields of integrations at the doors: the value that the run's own end user gave, or a refusal; never anybody else's (decision 0034).

The five conditions have been asked of the field's name as of any secret's; what is asked here is what a field demands beyond them.
"""

from dataclasses import dataclass

from stagedoor.core.connection import Connections, NotConnected
from stagedoor.core.end_user import KIND as END_USER
from stagedoor.core.marker import Marker
from stagedoor.core.permission import Access, Denied, Resource, decide
from stagedoor.core.principal import Principal
from stagedoor.core.secret import KIND, Handed, Opened, Secrets
from stagedoor.engine.port import Candidate
from stagedoor.gate.conditions import Refusal
from stagedoor.gate.rights import Rights
from stagedoor.kit.errors import NotFound
from stagedoor.store.store import Transaction


@dataclass(frozen=True)
class Connected:
    secrets: Secrets
    connections: Connections
    rights: Rights

    def open(self, tx: Transaction, candidate: Candidate, marker: Marker, handed: Handed | None) -> Opened | Refusal | None:
        """None: the name is no field, but a secret of the project."""
        project, run, name = candidate.project, candidate.run, marker.reference.name
        integration = self.secrets.integration(tx, project, name)
        if integration is None:
            return None
        if not run.end_user:
            return Refusal(marker, f"{KIND} {name} is a field of integration {integration}, and the run was started for no end user")
        for user in dict.fromkeys((run.starter, run.created_by or run.starter)):  # of a failure workflow, who began what failed
            who, end_user = Principal(project, user), Resource(END_USER, run.end_user)
            verdict = decide(who, Access.EXECUTE, end_user, self.rights.on(tx, who, end_user))
            if isinstance(verdict, Denied) and not who.is_project:
                return Refusal(marker, f"the starter {user} lacks {verdict.missing}")
        try:
            return self.connections.open(tx, project, run.end_user, name, handed)
        except NotConnected as problem:
            return Refusal(marker, problem.message)
        except NotFound:  # its row was told to be another's
            return Refusal(marker, f"what end user {run.end_user} gave for {name} does not open")
