"""Integrations: what end users connect, as a named set of fields that they fill in, or as an OAuth 2.0 provider (decision 0034).

A field's name is a secret's name: workflows refer to it as to any secret, rights are granted on it as SECRET_NAME, and it is under the
integration's policy. Its values are end users' (core/connection.py).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from stagedoor.core.audit import Audit
from stagedoor.core.epoch import name_changed, project_changed
from stagedoor.core.grant import authority_on
from stagedoor.core.permission import NOTHING, Resource
from stagedoor.core.principal import Principal
from stagedoor.core.secret import KIND, Policy, Secrets, encoded, version_identity
from stagedoor.kit.clock import Clock
from stagedoor.kit.crypto import digest
from stagedoor.kit.errors import AdminOnly, BadInput, Conflict, NotFound
from stagedoor.kit.ids import NewId
from stagedoor.kit.secretvalue import SecretValue
from stagedoor.kit.strictjson import check_name
from stagedoor.store.store import Row, Transaction

INTEGRATION = "INTEGRATION"
HIDDEN = "***"
MOST_FIELDS = 50
REFRESH = ":refresh"
"""Ends the name under which a provider's refresh token is kept beside a field's value. No field is called so, and no reference leads there:
a door first looks for the name among secrets and fields."""
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_PRINTABLE = re.compile(r"[\x20-\x7e]{1,4096}")
"""RFC 6749, appendix A.1 and A.2."""
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,512}")
"""RFC 6749, 3.3: scope-token."""
Text = Annotated[str, Meta(max_length=500)]


class Field(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """One thing to fill in. `secret` says how it is shown while it is typed; whatever it says, values are kept and used as secrets."""

    name: str
    label: Text
    secret: bool = True
    required: bool = True
    help: Text = ""


class OAuth(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """A provider of OAuth 2.0 (RFC 6749): the code flow with PKCE. The access token becomes the value of `field`.

    `issuer`: compared where the provider names itself in its answer (RFC 9207). `client_secret` is never shown again; None: the client
    is a public one."""

    authorization_endpoint: str
    token_endpoint: str
    client_id: str
    field: str
    scopes: tuple[str, ...] = ()
    client_secret: str | None = None
    token_auth: Literal["basic", "post"] = "basic"  # noqa: S105  the name of a way
    issuer: str | None = None

    def __repr__(self) -> str:
        return f"OAuth({HIDDEN})"

    __str__ = __repr__


class NewIntegration(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The body that makes or replaces one: either `fields` or `oauth`. `policy` as of a secret."""

    name: Text
    slug: str | None = None
    fields: tuple[Field, ...] = ()
    oauth: OAuth | None = None
    policy: Policy = Policy()

    def checked(self) -> "NewIntegration":
        """BadInput names the field."""
        check_name(self.name, "name")
        if bool(self.fields) == (self.oauth is not None):
            raise BadInput("fields: give either fields, or oauth", "fields")
        if len(self.fields) > MOST_FIELDS:
            raise BadInput(f"fields: there are more than {MOST_FIELDS}", "fields")
        for at, field in enumerate(self.fields):
            _check_field(field.name, f"fields[{at}].name")
            check_name(field.label, f"fields[{at}].label")
        if len(set(self.names)) != len(self.names):
            raise BadInput("fields: two of them have the same name", "fields")
        if self.oauth is not None:
            _check_oauth(self.oauth)
        return self

    @property
    def names(self) -> tuple[str, ...]:
        return (self.oauth.field,) if self.oauth is not None else tuple(field.name for field in self.fields)


class Kept(msgspec.Struct, frozen=True):
    """As it is stored. `oauth` is without its client secret, which lies sealed under the id that `nonce` and the endpoint make."""

    name: str
    fields: tuple[Field, ...]
    oauth: OAuth | None
    policy: Policy
    nonce: str = ""


class Integration(msgspec.Struct, frozen=True):
    """One of a project, without any secret."""

    slug: str
    name: str
    fields: tuple[Field, ...]
    oauth: OAuth | None
    policy: Policy

    @property
    def names(self) -> tuple[str, ...]:
        return (self.oauth.field,) if self.oauth is not None else tuple(field.name for field in self.fields)


@dataclass(frozen=True)
class Integrations:
    """Changes are an administrator's of the project, asked once more in the transaction of the change."""

    secrets: Secrets
    audit: Audit
    clock: Clock
    new_id: NewId

    def create(self, tx: Transaction, who: Principal, new: NewIntegration) -> dict[str, object]:
        """As it is shown from now on. Conflict where the slug is taken, or a field is called like something else."""
        slug = check_slug(new.slug or "")
        self._begin(tx, who, slug, new.checked().names)
        if tx.one("integration_locked", project_id=who.project, slug=slug) is not None:
            raise Conflict(f"there is an integration {slug} already")
        self._fields(tx, who, slug, new)
        text = self._text(tx, who, slug, new)
        tx.do("integration_insert", project_id=who.project, slug=slug, settings=text, by=who.user, at=self.clock.now())
        self.audit.change(tx, who, "integration.create", f"{INTEGRATION} {slug}", f"fields {', '.join(new.names)}")
        return self.shown(tx, who.project, slug)

    def replace(self, tx: Transaction, who: Principal, slug: str, new: NewIntegration) -> dict[str, object]:
        """All of it: what end users gave stays for fields that stay, and goes with those that go. NotFound; Conflict as for `create`."""
        if new.slug not in (None, slug):
            raise BadInput("slug: it cannot be changed", "slug")
        self._begin(tx, who, slug, new.checked().names)
        before = self._locked(tx, who.project, slug)
        for row in tx.all("fields_of_integration", project_id=who.project, slug=slug):
            if row["name"] not in new.names:
                self._drop_field(tx, who, slug, row["name"])
        self._fields(tx, who, slug, new)
        self._retire_client_secret(tx, slug, before)
        tx.do(
            "integration_put", project_id=who.project, slug=slug, settings=self._text(tx, who, slug, new), by=who.user, at=self.clock.now()
        )
        self.audit.change(tx, who, "integration.update", f"{INTEGRATION} {slug}", f"fields {', '.join(new.names)}")
        return self.shown(tx, who.project, slug)

    def delete(self, tx: Transaction, who: Principal, slug: str) -> None:
        """With its fields, the grants on them, and all that end users gave. NotFound."""
        self._begin(tx, who, slug, ())
        kept = self._locked(tx, who.project, slug)
        for row in tx.all("fields_of_integration", project_id=who.project, slug=slug):
            self._drop_field(tx, who, slug, row["name"])
        self._retire_client_secret(tx, slug, kept)
        tx.do("connections_of_integration_forget", project_id=who.project, slug=slug)
        tx.do("integration_delete", project_id=who.project, slug=slug)
        self.audit.change(tx, who, "integration.delete", f"{INTEGRATION} {slug}")

    def get(self, tx: Transaction, project: str, slug: str) -> Integration:
        """NotFound."""
        return _integration(self._row(tx, project, slug))

    def all(self, tx: Transaction, project: str) -> list[Integration]:
        return [_integration(row) for row in tx.all("integrations_of_project", project_id=project)]

    def shown(self, tx: Transaction, project: str, slug: str) -> dict[str, object]:
        return _shown(self._row(tx, project, slug))

    def shown_all(self, tx: Transaction, project: str) -> list[dict[str, object]]:
        return [_shown(row) for row in tx.all("integrations_of_project", project_id=project)]

    def with_secret(self, tx: Transaction, project: str, slug: str) -> tuple[Integration, SecretValue | None]:
        """It and its client's secret, for a request to its token endpoint; None where the client has none. NotFound."""
        row = self._row(tx, project, slug)
        kept = _kept(row)
        return _integration(row), self.secrets.open_version(tx, project, client_secret_id(slug, kept), 1) if kept.nonce else None

    def _begin(self, tx: Transaction, who: Principal, slug: str, names: Sequence[str]) -> None:
        """A name is made a secret or a field by one of two transactions, never by both."""
        name_changed(tx, who.project, INTEGRATION, slug)
        there = {row["name"] for row in tx.all("fields_of_integration", project_id=who.project, slug=slug)}
        for name in sorted(there.union(names)):
            name_changed(tx, who.project, KIND, name)
        if "ADMIN_MANAGEMENT" not in authority_on(tx, who, NOTHING).permissions:
            raise AdminOnly
        project_changed(tx, who.project)

    def _fields(self, tx: Transaction, who: Principal, slug: str, new: NewIntegration) -> None:
        """The rows of its fields, under its policy. Conflict where a name is a secret's or another integration's."""
        policy = msgspec.json.encode(new.policy).decode()
        for name in new.names:
            row = tx.one("secret_locked", project_id=who.project, name=name)
            if row is not None and row["integration"] != slug:
                other = f"a field of integration {row['integration']}" if row["integration"] else "a secret of the project"
                raise Conflict(f"{name} is {other}: a name is one or the other, delete that first or choose another name")
            if row is None:
                self.secrets.create(tx, who, name)
                tx.do("field_mark", project_id=who.project, name=name, slug=slug)
            tx.do("secret_set_policy", project_id=who.project, name=name, policy=policy)

    def _drop_field(self, tx: Transaction, who: Principal, slug: str, name: str) -> None:
        for kept in (name, name + REFRESH):
            for row in tx.all("values_of_field", project_id=who.project, slug=slug, name=kept):
                tx.do("value_delete", project_id=who.project, end_user_id=row["end_user_id"], name=kept)
                tx.do("secret_versions_retire", secret_id=value_id(row["end_user_id"], row))
        tx.do("secret_delete", project_id=who.project, name=name)
        self.secrets.grants.forget(tx, who.project, Resource(KIND, name))

    def _text(self, tx: Transaction, who: Principal, slug: str, new: NewIntegration) -> str:
        """The settings as they are stored; the client secret is sealed beside them."""
        oauth, nonce = new.oauth, ""
        if oauth is not None and oauth.client_secret is not None:
            nonce = self.new_id()
        shown = msgspec.structs.replace(oauth, client_secret=None) if oauth is not None else None
        kept = Kept(new.name, new.fields, shown, new.policy, nonce)
        if oauth is not None and oauth.client_secret is not None:
            secret_id = client_secret_id(slug, kept)
            key_id, key = self.secrets.projects.newest_key(tx, who.project)
            sealed = key.seal(encoded(SecretValue(oauth.client_secret)), version_identity(who.project, secret_id, 1))
            tx.do(
                "secret_version_insert", secret_id=secret_id, version=1, key_id=key_id, sealed=sealed, created_by=who.user,
                created_at=self.clock.now(),
            )  # fmt: skip
        return msgspec.json.encode(kept).decode()

    def _retire_client_secret(self, tx: Transaction, slug: str, kept: Kept) -> None:
        if kept.nonce:
            tx.do("secret_versions_retire", secret_id=client_secret_id(slug, kept))

    def _locked(self, tx: Transaction, project: str, slug: str) -> Kept:
        row = tx.one("integration_locked", project_id=project, slug=slug)
        if row is None:
            raise absent(slug)
        return _kept(row)

    def _row(self, tx: Transaction, project: str, slug: str) -> Row:
        row = tx.one("integration_by_slug", project_id=project, slug=slug)
        if row is None:
            raise absent(slug)
        return row


def check_slug(slug: str) -> str:
    if not _SLUG.fullmatch(slug):
        raise BadInput("slug: 1 to 63 of a-z, 0-9, - and _, with a letter or digit at both ends", "slug")
    return slug


def absent(slug: str) -> NotFound:
    return NotFound(f"there is no integration {slug}")


def value_id(end_user: str, row: Row) -> str:
    """Under which id an end user's value is sealed: it is made from whose value of what it is, so that a row which is told to be
    another's leads to nothing that opens."""
    return digest(msgspec.json.encode(["connection", end_user, row["slug"], row["name"], row["nonce"]]).decode())


def client_secret_id(slug: str, kept: Kept) -> str:
    """The same for a client secret: it goes to the token endpoint that it was given for."""
    endpoint = kept.oauth.token_endpoint if kept.oauth else ""
    return digest(msgspec.json.encode(["integration", slug, endpoint, kept.nonce]).decode())


def _check_field(name: str, place: str) -> None:
    if not _FIELD.fullmatch(name):
        raise BadInput(f"{place}: 1 to 128 letters, digits and _, no digit in front", place)


def _check_oauth(oauth: OAuth) -> None:
    """Addresses are judged at the gate, which knows what an operator allowed."""
    _check_field(oauth.field, "oauth.field")
    if not _PRINTABLE.fullmatch(oauth.client_id):
        raise BadInput("oauth.clientId: it must be printable ASCII", "oauth.clientId")
    secret = oauth.client_secret
    if secret is not None and (secret == HIDDEN or not _PRINTABLE.fullmatch(secret)):
        raise BadInput("oauth.clientSecret: it must be given anew with each change, and be printable ASCII", "oauth.clientSecret")
    if not all(_SCOPE.fullmatch(scope) for scope in oauth.scopes):
        raise BadInput("oauth.scopes: each is one scope, without spaces or quotes", "oauth.scopes")


def _kept(row: Row) -> Kept:
    return msgspec.json.decode(row["settings"], type=Kept)


def _integration(row: Row) -> Integration:
    kept = _kept(row)
    return Integration(row["slug"], kept.name, kept.fields, kept.oauth, kept.policy)


def _shown(row: Row) -> dict[str, object]:
    kept = _kept(row)
    oauth: dict[str, object] | None = None
    if kept.oauth is not None:
        oauth = {**msgspec.to_builtins(kept.oauth), **({"clientSecret": HIDDEN} if kept.nonce else {})}
    policy = {name: value for name, value in msgspec.to_builtins(kept.policy).items() if value is not None}
    times = {"createdBy": row["created_by"], "createdAt": row["created_at"], "updatedBy": row["updated_by"], "updatedAt": row["updated_at"]}
    fields = {"oauth": oauth} if oauth else {"fields": msgspec.to_builtins(kept.fields)}
    return {"slug": row["slug"], "name": kept.name, **fields, "policy": policy, **times}
