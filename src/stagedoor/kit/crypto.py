"""Keys and sealed bytes: AES-256-GCM with the row's identity as associated data (NIST SP 800-38D), HKDF for derived keys (RFC 5869)."""

import errno
import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from stagedoor.kit.errors import StagedoorError
from stagedoor.kit.secretvalue import SecretValue

_NONCE = 12


class SealBroken(StagedoorError):
    """sealed bytes do not belong to this row, or the key is not theirs"""


class KeyProblem(StagedoorError):
    """the master key cannot be used"""


class Key:
    """A 256-bit key. It never leaves this object except wrapped under another key."""

    __slots__ = ("_aead", "_raw", "id")

    def __init__(self, raw: bytes) -> None:
        if len(raw) != 32:
            raise KeyProblem("the key is not 32 bytes long")
        self._raw = raw
        self._aead = AESGCM(raw)
        self.id = hmac.new(raw, b"stagedoor key id", hashlib.sha256).hexdigest()[:16]
        """Tells keys apart and tells nothing of them."""

    def __repr__(self) -> str:
        return "Key(***)"

    def seal(self, plain: bytes, identity: str) -> bytes:
        """Nonce and ciphertext of `plain`, bound to `identity`: moved to another row they do not open."""
        nonce = os.urandom(_NONCE)
        return nonce + self._aead.encrypt(nonce, plain, identity.encode())

    def open(self, sealed: bytes, identity: str) -> bytes:
        """The plain bytes; SealBroken when key, bytes or identity are not the ones sealed."""
        try:
            return self._aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], identity.encode())
        except (InvalidTag, ValueError):
            raise SealBroken(f"sealed bytes of {identity} do not open") from None

    def new_wrapped(self, identity: str) -> bytes:
        """A fresh key, sealed under this one."""
        return self.seal(secrets.token_bytes(32), identity)

    def unwrap(self, sealed: bytes, identity: str) -> "Key":
        return Key(self.open(sealed, identity))

    def derive(self, purpose: str) -> "Key":
        """Another key, for this purpose only."""
        return Key(HKDF(SHA256(), 32, salt=None, info=purpose.encode()).derive(self._raw))

    @classmethod
    def new(cls) -> "Key":
        return cls(secrets.token_bytes(32))

    def rewrapped(self, under: "Key", identity: str) -> bytes:
        """This key, sealed under another one."""
        return under.seal(self._raw, identity)

    def exported(self) -> SecretValue:
        """64 hex characters, for a key service to wrap."""
        return SecretValue(self._raw.hex())

    def mac(self, message: bytes) -> str:
        """HMAC-SHA-256 in hex."""
        return hmac.new(self._raw, message, hashlib.sha256).hexdigest()


def digest(text: str) -> str:
    """SHA-256 in hex: how random machine secrets are stored (128 bits and more need no slow hash)."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def fingerprint(data: bytes) -> bytes:
    """SHA-256 of the exact bytes presented: the key of the verified-token cache."""
    return hashlib.sha256(data).digest()


def same(one: str, other: str) -> bool:
    """Equality in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())


def make_master_key(path: Path) -> Key:
    """Write a new master key to `path` (mode 0600, 64 hex characters); an existing file is never overwritten.

    Whenever this is interrupted, the file is there whole or not at all."""
    raw = secrets.token_bytes(32)
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        if os.geteuid() == 0:  # a rotation by root: the server, whose folder it is, must be able to read it
            os.fchown(descriptor, path.parent.stat().st_uid, path.parent.stat().st_gid)
        with os.fdopen(descriptor, "w") as file:
            file.write(raw.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        _name(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(folder)  # a synced file whose name is not on the disk is gone after a power cut, and all that it sealed with it
    os.close(folder)
    return Key(raw)


def _name(unfinished: Path, path: Path) -> None:
    """Give a written file its name, which must be free. A link takes it from nobody; some file systems have none."""
    try:
        os.link(unfinished, path)
    except OSError as problem:
        if problem.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
            raise
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        unfinished.rename(path)


def read_master_key(path: Path) -> Key:
    """The master key of `path`; refused when others than the owner may read it."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text().strip()
    except OSError as problem:
        raise KeyProblem(f"the master key {path} cannot be read: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise KeyProblem(f"the master key {path} is not 64 hex characters") from None
    if mode & 0o077:
        raise KeyProblem(f"the master key {path} has mode {mode:04o}; it must be 0600")
    return parse_master_key(text)


def parse_master_key(text: str) -> Key:
    """A master key from 64 hex characters."""
    try:
        return Key(bytes.fromhex(text.strip()))
    except ValueError:
        raise KeyProblem("the master key is not 64 hex characters") from None
