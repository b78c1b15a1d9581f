"""One who reports leaks: a key pair of its own, whose public half a local listener gives out as GitHub's address does."""

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.gate.doors.stage import Heard, Listener, listening

PLACE = "https://github.com/octocat/Hello-World/blob/12345600b9cbe38a219f39a9941c9319b600c002/foo/bar.txt"


@dataclass
class Reporter:
    listener: Listener
    identifier: str = "90a421169f0a406205f1563a953312f0be898d3c7b6c06b681aa86a874555f4a"
    key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))

    @property
    def environment(self) -> dict[str, str]:
        return {"STAGEDOOR_LEAKS_KEYS_URL": f"{self.listener.url}/keys", "STAGEDOOR_EGRESS_ALLOW": "127.0.0.1"}

    def published(self, heard: Heard) -> tuple[int, dict[str, str], bytes]:
        pem = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        listed = {"public_keys": [{"key_identifier": self.identifier, "key": pem, "is_current": True}]}
        return 200, {"Content-Type": "application/json"}, json.dumps(listed).encode()

    def headers(self, body: bytes) -> dict[str, str]:
        signature = b64encode(self.key.sign(body, ECDSA(SHA256()))).decode()
        return {"Github-Public-Key-Identifier": self.identifier, "Github-Public-Key-Signature": signature}

    def report(self, url: str, *tokens: str, place: str = PLACE, sort: str = "stagedoor_key") -> list[dict[str, Any]]:
        """The feedback on each."""
        body = json.dumps([{"token": token, "type": sort, "url": place, "source": "content"} for token in tokens]).encode()
        answer = httpx.post(f"{url}/leaks", content=body, headers=self.headers(body), timeout=30)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()
        return found


@contextmanager
def reporting() -> Iterator[Reporter]:
    with listening() as listener:
        reporter = Reporter(listener)
        listener.say = reporter.published
        yield reporter
