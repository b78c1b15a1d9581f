"""What `/v1` takes and gives: the shapes of the contract's OpenAPI document. Times are texts, as ISO 8601 in UTC."""

from datetime import UTC, datetime
from typing import Literal

import msgspec

from stagedoor.core.auth_session import USUAL, AuthSession
from stagedoor.core.end_user import Connection, EndUser
from stagedoor.kit.secretvalue import SecretValue


class NewEndUserBody(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """`source_id` is the project's own name for it, once in a project. Nothing is mailed."""

    company_name: str
    source_id: str
    email: str


class NewAuthSession(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """`link_expiry_mins`: 15 to 10080, 30 by default."""

    publishable_key: str
    end_user_id: str
    link_expiry_mins: float = USUAL
    redirect_url: str | None = None


class ConnectionView(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    id: str
    object_type: Literal["integration_connection"] = "integration_connection"
    created_at: str
    integration_slug: str
    last_request_at: str | None
    last_successful_request_at: str | None


class EndUserView(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    id: str
    object_type: Literal["end_user"] = "end_user"
    created_at: str
    company_name: str
    source_id: str
    email: str
    integration_connections: list[ConnectionView]


class EndUserList(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """All of them: the contract knows no pages."""

    object_type: Literal["list"] = "list"
    url: str = "/v1/end-users"
    data: list[EndUserView]


class EndUserDeleted(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    id: str
    object_type: Literal["end_user"] = "end_user"
    deleted: bool = True


class AuthSessionView(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """The only answer that ever holds the client secret."""

    id: str
    object_type: Literal["auth_session"] = "auth_session"
    created_at: str
    end_user_id: str
    client_secret: str
    auth_flow_url: str
    expires_at: str
    redirect_url: str | None

    def __repr__(self) -> str:
        return f"AuthSessionView(id={self.id!r}, client_secret=***)"


def end_user_view(end_user: EndUser) -> EndUserView:
    return EndUserView(
        id=end_user.id, created_at=time_text(end_user.created_at), company_name=end_user.company_name, source_id=end_user.source_id,
        email=end_user.email, integration_connections=[_connection_view(one) for one in end_user.connections],
    )  # fmt: skip


def auth_session_view(session: AuthSession, secret: SecretValue, key: str, base: str) -> AuthSessionView:
    """`base`: the address at which browsers reach this server; `key`: the project's publishable key."""
    text = secret.reveal()
    return AuthSessionView(
        id=session.id, created_at=time_text(session.created_at), end_user_id=session.end_user_id, client_secret=text,
        auth_flow_url=f"{base}/connect/{text}?key={key}", expires_at=time_text(session.expires_at), redirect_url=session.redirect_url,
    )  # fmt: skip


def time_text(at: int) -> str:
    """`2024-01-01T12:34:56.789Z`."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _connection_view(connection: Connection) -> ConnectionView:
    return ConnectionView(
        id=connection.id, created_at=time_text(connection.created_at), integration_slug=connection.integration,
        last_request_at=_or_none(connection.last_request_at), last_successful_request_at=_or_none(connection.last_success_at),
    )  # fmt: skip


def _or_none(at: int | None) -> str | None:
    return None if at is None else time_text(at)
