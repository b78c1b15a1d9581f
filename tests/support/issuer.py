"""OpenID issuers under their real names, over TLS, on this machine: discovery, key sets, tokens as GitHub, GitLab, Kubernetes make them.

Stagedoor is led to them by STAGEDOOR_EGRESS_RESOLVE and trusts their certificate by STAGEDOOR_EGRESS_CA, as an operator would do it.
"""

import base64
import contextlib
import json
import secrets
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from tests.support.echo import Local, Received, Reply, answering

GITHUB = "https://token.actions.githubusercontent.com"
GITLAB = "https://gitlab.example.com"
KUBERNETES = "https://kubernetes.default.svc.cluster.local"
ISSUERS = (GITHUB, GITLAB, KUBERNETES)
AUDIENCE = "https://stagedoor.example.com"


@dataclass
class Issuer:
    """`documents` is what it serves, by path; a test may change it."""

    url: str
    keys: dict[str, RSAKey | ECKey] = field(default_factory=dict)
    documents: dict[str, Any] = field(default_factory=dict)

    def new_key(self, kid: str, kind: str = "RSA") -> None:
        """Another one, published beside those there are."""
        self.keys[kid] = RSAKey.generate_key(2048) if kind == "RSA" else ECKey.generate_key("P-256")
        self.publish()

    def publish(self) -> None:
        published = [{**key.as_dict(private=False), "kid": kid, "use": "sig"} for kid, key in self.keys.items()]
        self.documents["/keys"] = {"keys": published}
        self.documents["/.well-known/openid-configuration"] = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}

    def token(self, claims: dict[str, Any], **header: Any) -> str:
        """Signed by the newest key; a claim or header field of None is left out."""
        kid = next(reversed(self.keys))
        algorithm = "RS256" if isinstance(self.keys[kid], RSAKey) else "ES256"
        head = {"alg": algorithm, "kid": kid, "typ": "JWT"} | header
        said = {name: value for name, value in ({"iss": self.url} | claims).items() if value is not None}
        return jwt.encode({k: v for k, v in head.items() if v is not None}, said, self.keys[kid], algorithms=[algorithm])


@dataclass
class Issuers:
    local: Local
    authority: Path
    by_url: dict[str, Issuer]

    @property
    def environment(self) -> dict[str, str]:
        hosts = [f"{url.removeprefix('https://')}=127.0.0.1:{self.local.port}" for url in self.by_url]
        return {"STAGEDOOR_EGRESS_RESOLVE": ",".join(hosts), "STAGEDOOR_EGRESS_CA": str(self.authority)}

    def asked(self, url: str) -> int:
        """How often the issuer's keys were fetched."""
        host = url.removeprefix("https://")
        return sum(each.target == "/keys" and each.headers["host"] == host for each in self.local.received)


@contextlib.contextmanager
def issuers(folder: Path) -> Iterator[Issuers]:
    made = {url: Issuer(url) for url in ISSUERS}
    for issuer in made.values():
        issuer.new_key("first")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "issuers.pem")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(url.removeprefix("https://") for url in made)).configure_cert(tls)

    def answer(received: Received) -> Reply:
        found = made[f"https://{received.headers['host']}"].documents.get(received.target)
        return Reply(404) if found is None else Reply(body=found if isinstance(found, bytes) else json.dumps(found).encode())

    with answering(answer, tls) as local:
        yield Issuers(local, folder / "issuers.pem", made)


def github(**claims: Any) -> dict[str, Any]:
    """https://docs.github.com/en/actions/reference/security/oidc: OIDC token claims, and the example there. They live five minutes."""
    now = int(time.time())
    return {
        "jti": secrets.token_hex(16), "sub": "repo:octo-org/octo-repo:environment:prod", "environment": "prod", "aud": AUDIENCE,
        "ref": "refs/heads/main", "sha": "1f" * 20, "repository": "octo-org/octo-repo", "repository_owner": "octo-org",
        "actor_id": "12", "repository_visibility": "private", "repository_id": "74", "repository_owner_id": "65",
        "run_id": "1234567", "run_number": "10", "run_attempt": "2", "runner_environment": "github-hosted", "actor": "octocat",
        "workflow": "example-workflow", "head_ref": "", "base_ref": "", "event_name": "workflow_dispatch", "ref_type": "branch",
        "job_workflow_ref": "octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main",
        "nbf": now - 10, "exp": now + 300, "iat": now,
    } | claims  # fmt: skip


def gitlab(**claims: Any) -> dict[str, Any]:
    """https://docs.gitlab.com/ci/secrets/id_token_authentication/: token payload. All but the runner's id are texts."""
    now = int(time.time())
    return {
        "namespace_id": "72", "namespace_path": "my-group", "project_id": "20", "project_path": "my-group/my-project", "user_id": "1",
        "user_login": "sample-user", "user_email": "sample-user@example.com", "pipeline_id": "574", "pipeline_source": "push",
        "job_id": "302", "ref": "feature-branch-1", "ref_type": "branch", "ref_path": "refs/heads/feature-branch-1",
        "ref_protected": "false", "groups_direct": ["mygroup/mysubgroup"], "environment": "test-environment2", "runner_id": 1,
        "runner_environment": "self-hosted", "ci_config_ref_uri": "gitlab.example.com/my-group/my-project//.gitlab-ci.yml@refs/heads/main",
        "project_visibility": "public", "jti": secrets.token_hex(16), "iat": now, "nbf": now - 5, "exp": now + 3600,
        "sub": "project_path:my-group/my-project:ref_type:branch:ref:feature-branch-1", "aud": AUDIENCE,
    } | claims  # fmt: skip


def kubernetes(**claims: Any) -> dict[str, Any]:
    """https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/: schema for service account private claims. The
    audience is a list; the token lies in a file and is the same for most of an hour. Its header has no `typ`."""
    now = int(time.time())
    return {
        "aud": [AUDIENCE], "exp": now + 3600, "iat": now, "nbf": now, "jti": secrets.token_hex(16),
        "kubernetes.io": {
            "namespace": "my-namespace", "node": {"name": "my-node", "uid": "646e7c5e"}, "pod": {"name": "my-pod", "uid": "5e0bd49b"},
            "serviceaccount": {"name": "my-serviceaccount", "uid": "14ee3fa4"},
        },
        "sub": "system:serviceaccount:my-namespace:my-serviceaccount",
    } | claims  # fmt: skip


def resigned(token: str, **header: Any) -> str:
    """The same payload and signature under another header."""
    head, body, signature = token.split(".")
    fields = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))) | header
    changed = base64.urlsafe_b64encode(json.dumps({k: v for k, v in fields.items() if v is not None}).encode()).rstrip(b"=").decode()
    return f"{changed}.{body}.{signature}"
