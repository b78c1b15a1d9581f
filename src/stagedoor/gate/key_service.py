"""A master key that lies with a key service: the transit engine of OpenBao or Vault wraps it, the store keeps what it wrapped.

Asked at start and in a rotation alone, so the calls simply wait, for a few seconds in all (core/masterkey.py has it asked beside a
server's transactions). No proxy, no redirect: the token goes to the one address given.
(OpenBao API documentation, Transit: `POST /v1/<mount>/encrypt/<key>` and `/decrypt/<key>`, `plaintext` in base64.)
"""

import base64
import binascii
import http.client
import os
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from stagedoor.kit.errors import BadInput, StagedoorError, Unavailable
from stagedoor.kit.secretvalue import SecretValue

SECONDS = 5.0
LARGEST = 1 << 20
_TOKEN_FILE = "STAGEDOOR_KEY_SERVICE_TOKEN_FILE"  # noqa: S105  the name of a variable
_FORM = "https://HOST[:PORT]/MOUNT/KEY"


class KeyServiceRefused(StagedoorError):
    """the key service refused"""


@dataclass(frozen=True)
class KeyService:
    """`host` and `port` of the service, the transit engine's `mount`, the `key` in it. The token is read anew for each call from
    `token_file`, where an agent may renew it, or is `token`."""

    url: str
    token: SecretValue | None = None
    token_file: Path | None = None
    ca: Path | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], url: str | None = None) -> "KeyService | None":
        """STAGEDOOR_KEY_SERVICE (or `url`), _TOKEN or _TOKEN_FILE, _CA. None where there is no service; BadInput names the variable."""
        url = url or environ.get("STAGEDOOR_KEY_SERVICE")
        if not url:
            return None
        token, file, ca = (environ.get(f"STAGEDOOR_KEY_SERVICE_{name}") for name in ("TOKEN", "TOKEN_FILE", "CA"))
        if not token and not file:
            raise BadInput("STAGEDOOR_KEY_SERVICE_TOKEN, or _TOKEN_FILE: the key service wants a token", "STAGEDOOR_KEY_SERVICE_TOKEN")
        made = cls(url, SecretValue(token) if token else None, Path(file) if file else None, Path(ca) if ca else None)
        made._place()
        return made

    def __str__(self) -> str:
        """For messages: without what a careless person wrote before the `@`."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    __repr__ = __str__

    def wrap(self, plain: SecretValue) -> str:
        """What the service makes of it, to be stored. Unavailable where it cannot be reached, KeyServiceRefused where it says no."""
        data = self._call("encrypt", {"plaintext": base64.b64encode(plain.reveal().encode()).decode()})
        wrapped = data.get("ciphertext")
        if not isinstance(wrapped, str) or not wrapped:
            raise KeyServiceRefused(f"the key service {self} gave no ciphertext")
        return wrapped

    def unwrap(self, wrapped: str) -> SecretValue:
        """The inverse."""
        plain = self._call("decrypt", {"ciphertext": wrapped}).get("plaintext")
        try:
            return SecretValue(base64.b64decode(plain or "", validate=True).decode("ascii"))
        except (binascii.Error, ValueError, TypeError):
            raise KeyServiceRefused(f"the key service {self} gave no plaintext") from None

    def _call(self, verb: str, body: dict[str, str]) -> dict[str, Any]:
        _, mount, key = self._place()
        path = f"/v1/{quote(mount)}/{verb}/{quote(key, safe='')}"
        connection, late = self._connection(), threading.Event()
        try:
            headers = {"X-Vault-Token": self._token(), "Content-Type": "application/json"}
            connection.connect()
            with _ended_after(SECONDS, connection, late):
                connection.request("POST", path, msgspec.json.encode(body), headers)
                answer = connection.getresponse()
                status, data = answer.status, answer.read(LARGEST)
        except (OSError, http.client.HTTPException) as problem:  # its words may quote a header: only its kind is told
            raise Unavailable(f"the key service {self} cannot be reached: {_kind(TimeoutError() if late.is_set() else problem)}") from None
        finally:
            connection.close()
        if late.is_set():  # an answer without a length may end anywhere
            raise Unavailable(f"the key service {self} cannot be reached: {_kind(TimeoutError())}")
        if status != 200:
            raise _refusal(self, verb, status)
        try:
            return msgspec.json.decode(data, type=_Answer).data
        except msgspec.MsgspecError:
            raise KeyServiceRefused(f"the key service {self} gave an answer that is none of a transit engine") from None

    def _connection(self) -> http.client.HTTPConnection:
        host, port = (parts := urlsplit(self.url)).hostname or "", parts.port
        if parts.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=SECONDS)
        try:
            context = ssl.create_default_context(cafile=str(self.ca) if self.ca else None)
        except (OSError, ssl.SSLError):
            raise BadInput(f"STAGEDOOR_KEY_SERVICE_CA: {self.ca} is no file of PEM certificates", "STAGEDOOR_KEY_SERVICE_CA") from None
        return http.client.HTTPSConnection(host, port, timeout=SECONDS, context=context)

    def _token(self) -> str:
        try:
            text = self.token.reveal() if self.token else self.token_file.read_text() if self.token_file else ""
        except (OSError, UnicodeDecodeError):
            raise BadInput(f"{_TOKEN_FILE}: {self.token_file} cannot be read", _TOKEN_FILE) from None
        text = text.strip()
        if not text or not text.isascii() or not text.isprintable():
            raise BadInput("STAGEDOOR_KEY_SERVICE_TOKEN: it is empty, or holds what no token holds", "STAGEDOOR_KEY_SERVICE_TOKEN")
        return text

    def _place(self) -> tuple[str, str, str]:
        """Scheme, mount and key. BadInput where the address has another form. Plain HTTP goes to this machine alone."""
        try:
            parts = urlsplit(self.url)
            mount, _, key = parts.path.strip("/").rpartition("/")
            good = parts.scheme in ("http", "https") and parts.hostname and mount and key and not parts.query and parts.port != 0
        except ValueError:
            good = False
        if not good or "@" in parts.netloc:
            raise BadInput(f"STAGEDOOR_KEY_SERVICE: it is not of the form {_FORM}", "STAGEDOOR_KEY_SERVICE")
        if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
            raise BadInput("STAGEDOOR_KEY_SERVICE: the master key does not travel over plain HTTP; use https", "STAGEDOOR_KEY_SERVICE")
        return parts.scheme, mount, key


class _Answer(msgspec.Struct):
    data: dict[str, Any]


@contextmanager
def _ended_after(seconds: float, connection: http.client.HTTPConnection, late: threading.Event) -> Iterator[None]:
    """The socket's own limit is for each piece of an answer: a drop now and then would keep a call for ever."""
    sock = connection.sock

    def end() -> None:
        late.set()
        with suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def key_service(url: str | None = None) -> KeyService | None:
    return KeyService.from_environment(os.environ, url)


def _refusal(service: KeyService, verb: str, status: int) -> StagedoorError:
    """Its own words are not repeated: they may quote what it was sent."""
    why = {
        400: "it does not take what it was asked (another key, or one that may no longer decrypt this)",
        403: f"the token may not {verb} there, or is no longer good",
        404: "it has no such transit engine or key",
        503: "it is sealed",
    }.get(status, "")
    message = f"the key service {service} answered {status}{': ' + why if why else ''}"
    return Unavailable(message) if status >= 500 or status == 429 else KeyServiceRefused(message)


def _kind(problem: Exception) -> str:
    if isinstance(problem, TimeoutError):
        return f"no answer within {SECONDS:g} s"
    if isinstance(problem, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({problem.verify_message})"
    return problem.strerror or type(problem).__name__ if isinstance(problem, OSError) else type(problem).__name__
