"""Access tokens that were ended before their time (RFC 7009), and what a token may at most do.

A token is known by its `jti`; one that was had by another names that one as well, so that whoever ends a token ends all that came of it.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec

from stagedoor.core.ceiling import Ceiling, both
from stagedoor.core.credential import Credentials
from stagedoor.core.epoch import subject_changed
from stagedoor.core.principal import Principal, group_of
from stagedoor.core.signing import SIGNING
from stagedoor.kit.errors import Unauthenticated
from stagedoor.kit.tokens import Claims
from stagedoor.store.store import Transaction

_SIGNING = (SIGNING,)
KEPT = 24 * 60 * 60_000
"""Milliseconds for which an entry outlives its token: the clock may go back."""


def revoke(tx: Transaction, who: Principal, token: str, expires_at: int, now: int) -> None:
    """From now on no token that is, or descends from, `token` (a jti, or the revision of a trust) is good: those of the subject of `who`.
    `expires_at` in epoch ms: when the last of them ends by itself."""
    subject_changed(tx, who.project, who.subject)
    tx.do("revoked_tokens_prune", project_id=who.project, before=now - KEPT)
    tx.do("revoked_token_insert", project_id=who.project, jti=token, expires_at=expires_at)


def check_not_revoked(tx: Transaction, who: Principal) -> None:
    """Unauthenticated where one of the tokens that it came by has been."""
    for token in who.tokens:
        if tx.one("revoked_token_by_jti", project_id=who.project, jti=token) is not None:
            raise Unauthenticated


def check_still_good(tx: Transaction, credentials: Credentials, who: Principal) -> None:
    """Unauthenticated where what a caller came by, or who acts for it, was ended since it was let in."""
    for credential in (who.credential, *who.acting):
        if credential is not None:
            credentials.alive(tx, credential)
    check_not_revoked(tx, who)


def ties(claims: Claims) -> tuple[str, ...]:
    """The epochs, beside its subject's, that decide whether a token still counts: of the signing keys, and of those who act by it."""
    if claims.act is None:
        return _SIGNING
    return (SIGNING, *(group_of(claims.project, f"USER:{actor['sub']}") for actor in actors(claims)))


def actors(claims: Claims) -> Iterator[dict[str, Any]]:
    """Who acts, and who did before (RFC 8693 4.1): `sub` and `client_id` of each. Unauthenticated where one has none: a starter acts in no
    access token."""
    actor = claims.act
    while actor is not None:
        if not {"sub", "client_id"} <= actor.keys():
            raise Unauthenticated
        yield actor
        actor = actor.get("act")


def narrowed(behind: Principal, claims: Claims, kid: str) -> Principal:
    """The principal of a token: that of its credential, within what the token says. Unauthenticated where that cannot be read."""
    try:
        own = msgspec.convert(claims.ceiling, Ceiling | None)
    except msgspec.ValidationError:
        raise Unauthenticated from None
    return replace(
        behind, ceiling=both(behind.ceiling, own), tokens=(claims.jti, *claims.origin),
        acting=tuple(actor["client_id"] for actor in actors(claims)), until=claims.exp * 1000, signed_by=kid,
    )  # fmt: skip
