"""Invitations: a one-time link by which a user sets its password (docs/decisions/0022-invitations.md)."""

from dataclasses import dataclass

import msgspec

from stagedoor.core.audit import Audit
from stagedoor.core.credential import SIGN_INS, Credentials
from stagedoor.core.custom_role import Roles
from stagedoor.core.epoch import operators_changed, subject_changed
from stagedoor.core.grant import authority_of
from stagedoor.core.password import bound
from stagedoor.core.permission import Access, Denied, Resource, decide
from stagedoor.core.principal import OPERATOR_PREFIX, Principal
from stagedoor.kit.clock import Clock
from stagedoor.kit.crypto import digest, same
from stagedoor.kit.errors import Conflict, Forbidden, NotFound
from stagedoor.kit.ids import NewId, new_token
from stagedoor.store.store import Row, Transaction

INVITE = "invite"
LIFE = 72 * 60 * 60_000
PREFIX = "sdi_"
GONE = "this invitation is not good any more: ask for another one"


class NewInvite(msgspec.Struct, frozen=True):
    """The only time its secret is shown. `expires_at` in epoch milliseconds."""

    id: str
    secret: str
    expires_at: int

    def __repr__(self) -> str:
        return f"NewInvite(id={self.id!r}, secret=***)"


@dataclass(frozen=True)
class Invites:
    clock: Clock
    new_id: NewId
    audit: Audit
    role_book: Roles
    credentials: Credentials

    def create(self, tx: Transaction, who: Principal, user: str) -> NewInvite:
        """In place of any earlier one. Forbidden where the user holds more than the caller: nobody invites their way up (promise 10)."""
        operators_changed(tx)
        if tx.one("account_by_id", project_id=who.project, user_id=user) is None:
            raise NotFound(f"there is no user {user}")
        self._must_cover(tx, who, Principal(who.project, user))
        self._may_be_set(tx, who.project, user, by_operator=who.above_projects)
        invite = NewInvite(self.new_id(), new_token(PREFIX), self.clock.now() + LIFE)
        tx.do("credentials_delete_of_kind", project_id=who.project, owner=user, kind=INVITE)
        columns = {"id": invite.id, "owner": user, "digest": digest(invite.secret), "expires_at": invite.expires_at}
        self.credentials.insert(tx, who, INVITE, columns)
        self.audit.change(tx, who, "user.invite", f"USER {user}", invite.id)
        return invite

    def invited(self, tx: Transaction, invite_id: str, secret: str) -> Principal:
        """Whom a link is for. NotFound, always in the same words, where it is wrong, used, replaced or too old."""
        row = self._row(tx, invite_id, secret)
        return Principal(row["project_id"], row["owner"])

    def _row(self, tx: Transaction, invite_id: str, secret: str) -> Row:
        row = tx.one("credential_by_id", id=invite_id)
        matches = same(digest(secret), row["digest"] if row and row["digest"] else digest(""))
        if row is None or row["kind"] != INVITE or not matches or row["paused_at"] or self.clock.now() >= row["expires_at"]:
            raise self.credentials.tampered(tx, row) or NotFound(GONE)
        self.credentials.check(tx, row)
        return row

    def accept(self, tx: Transaction, invite_id: str, secret: str, password_hash: str) -> Principal:
        """Set the password, once. The person's sessions and other links end in every project: the password opens them all."""
        operators_changed(tx)
        invite = self._row(tx, invite_id, secret)
        who, inviter = Principal(invite["project_id"], invite["owner"]), Principal(invite["project_id"], invite["created_by"])
        subject_changed(tx, who.project, who.subject)
        by_operator = inviter.user.startswith(OPERATOR_PREFIX)
        try:
            self._must_cover(tx, inviter, who)  # since the link was made, the user may have been given more, or the inviter less
        except Forbidden:
            raise NotFound(GONE) from None
        person = self._may_be_set(tx, who.project, who.user, by_operator=by_operator)
        tx.do("person_set_password", person_id=person, password_hash=bound(tx, self.credentials.keys, person, password_hash))
        for account in tx.all("accounts_of_person", person_id=person):
            self._sign_out(tx, account["project_id"], account["user_id"])
        self.audit.change(tx, who, "user.accept", f"USER {who.user}", invite_id)
        return who

    def _sign_out(self, tx: Transaction, project: str, user: str) -> None:
        subject_changed(tx, project, f"USER:{user}")
        for kind in (INVITE, *SIGN_INS):
            tx.do("credentials_delete_of_kind", project_id=project, owner=user, kind=kind)

    def _may_be_set(self, tx: Transaction, project: str, user: str, *, by_operator: bool) -> str:
        """The person behind an account. Conflict where its password is not this project's to set: whoever has the link could sign in
        to the other projects of that person as well, or as an operator."""
        row = tx.one("person_of_account", project_id=project, user_id=user)
        if row is None or row["person_id"] is None:
            raise NotFound(f"there is no user {user}")
        person: str = row["person_id"]
        elsewhere = len(tx.all("accounts_of_person", person_id=person)) > 1 and not by_operator
        if elsewhere or tx.one("password_of_operator", person_id=person) is not None:
            raise Conflict(f"the password of {user} is not for this project to set: an operator can")
        return person

    def _must_cover(self, tx: Transaction, who: Principal, user: Principal) -> None:
        theirs, mine = authority_of(tx, user), authority_of(tx, who)
        if mine.administers:
            return
        for role in sorted(theirs.roles):
            self.role_book.must_cover(tx, who, role)
        for (access, kind), names in theirs.grants.items():
            for name in names:
                verdict = decide(who, Access(access), Resource(kind, name), mine)
                if isinstance(verdict, Denied):
                    raise Forbidden(f"You don't have permissions to invite user: {user.user} (missing: {verdict.missing})")
