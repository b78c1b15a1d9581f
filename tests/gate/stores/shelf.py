"""A mount in OpenBao, a token that may read below `team/` of it, a store that is both, and a secret that lives there."""

from dataclasses import dataclass
from typing import Any

import httpx

from tests.api.authorization.world import new
from tests.gate.doors.stage import Answer, Heard, Listener, Stage
from tests.support.openbao import OpenBao
from tests.support.server import Api


@dataclass
class Shelf:
    stage: Stage
    vault: OpenBao
    mount: str
    token: str
    name: str

    @classmethod
    def of(cls, stage: Stage, vault: OpenBao) -> "Shelf":
        """The value that the stage's secret has is kept there from now on."""
        mount = vault.kv()
        token = vault.token(f'path "{mount}/data/team/*" {{ capabilities = ["read"] }}')
        made = cls(stage, vault, mount, token, new("store"))
        made.put(stage.value)
        made.register()
        made.point(stage.secret)
        return made

    @property
    def admin(self) -> Api:
        return self.stage.admin

    def settings(self, **changed: Any) -> dict[str, Any]:
        return {"kind": "vault-kv-v2", "address": self.vault.url, "mount": self.mount, "token": self.token} | changed

    def register(self, name: str = "", **changed: Any) -> None:
        """Also replaces what the store was."""
        self.admin.call("PUT", f"/api/secret-stores/{name or self.name}", self.settings(**changed))

    def by_role(self, **limits: Any) -> tuple[str, dict[str, str]]:
        """From now on the store is entered by AppRole: (the policy of the tokens it gives, roleId and secretId)."""
        role = new("role")
        if "approle/" not in self.vault.call("GET", "sys/auth").json()["data"]:
            self.vault.call("POST", "sys/auth/approle", {"type": "approle"})
        self.vault.call("PUT", f"sys/policies/acl/{role}", {"policy": f'path "{self.mount}/data/team/*" {{ capabilities = ["read"] }}'})
        self.vault.call("POST", f"auth/approle/role/{role}", {"token_policies": role, **limits})
        role_id = self.vault.call("GET", f"auth/approle/role/{role}/role-id").json()["data"]["role_id"]
        secret_id = self.vault.call("POST", f"auth/approle/role/{role}/secret-id").json()["data"]["secret_id"]
        pair = {"roleId": role_id, "secretId": secret_id}
        self.register(token=None, **pair)
        return role, pair

    def point(self, secret: str, **changed: Any) -> None:
        self.admin.call("PUT", f"/api/secrets/{secret}/source", {"store": self.name, "path": "team/db", "field": "password"} | changed)

    def through(self, listener: Listener) -> Listener:
        """Everything that the store is asked goes by this listener, which writes it down."""
        listener.say = self._relayed
        self.register(address=listener.url)
        return listener

    def _relayed(self, heard: Heard) -> Answer:
        headers = {name: value for name, value in heard.headers.items() if name.lower().startswith("x-vault")}
        url = self.vault.url + heard.target
        answer = httpx.request(heard.method, url, content=heard.body, headers=headers, timeout=10, verify=False)
        return answer.status_code, {"Content-Type": "application/json"}, answer.content

    def put(self, password: Any, path: str = "team/db", **fields: Any) -> int:
        return self.vault.kv_put(self.mount, path, {"password": password, **fields})

    def view(self, secret: str = "") -> httpx.Response:
        return self.admin.raw("GET", f"/api/secrets/{secret or self.stage.secret}")

    def versions(self) -> list[int]:
        """The versions that this side knows of the stage's secret, newest first."""
        found: list[dict[str, Any]] = self.admin.call("GET", f"/api/secrets/{self.stage.secret}/versions")
        return [one["version"] for one in found]
