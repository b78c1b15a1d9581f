"""Sealed bytes, digests and the wrapper of values (promise 3)."""

import copy
import errno
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagedoor.kit.crypto import Key, KeyProblem, SealBroken, digest, make_master_key, parse_master_key, read_master_key, same
from stagedoor.kit.secretvalue import SecretValue

KEY = Key(bytes(range(32)))


@given(st.binary(max_size=200), st.text(max_size=20))
def test_what_is_sealed_opens_for_its_own_identity(plain: bytes, identity: str) -> None:
    sealed = KEY.seal(plain, identity)
    assert KEY.open(sealed, identity) == plain
    assert len(plain) < 8 or plain not in sealed


@pytest.mark.promise(3)
def test_sealed_bytes_do_not_open_in_another_row_under_another_key_or_changed() -> None:
    sealed = KEY.seal(b"needles", "secret_version:default:a:1")
    for other in ("secret_version:default:a:2", "secret_version:default:b:1", "secret_version:other:a:1", ""):
        with pytest.raises(SealBroken):
            KEY.open(sealed, other)
    with pytest.raises(SealBroken):
        Key(bytes(32)).open(sealed, "secret_version:default:a:1")
    for at in range(len(sealed)):
        with pytest.raises(SealBroken):
            KEY.open(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], "secret_version:default:a:1")
    for cut in (b"", sealed[:11], sealed[:-1]):
        with pytest.raises(SealBroken):
            KEY.open(cut, "secret_version:default:a:1")


def test_the_same_bytes_are_never_sealed_alike() -> None:
    assert len({KEY.seal(b"needles", "x") for _ in range(50)}) == 50


def test_a_wrapped_key_is_bound_to_its_identity_too() -> None:
    wrapped = KEY.new_wrapped("data_key:default:1")
    inner = KEY.unwrap(wrapped, "data_key:default:1")
    assert inner.open(inner.seal(b"x", "y"), "y") == b"x"
    with pytest.raises(SealBroken):
        KEY.unwrap(wrapped, "data_key:default:2")


def test_derived_keys_differ_by_purpose() -> None:
    assert len({KEY.mac(b"m"), KEY.derive("audit").mac(b"m"), KEY.derive("anchor").mac(b"m")}) == 3
    assert KEY.derive("audit").mac(b"m") == KEY.derive("audit").mac(b"m")


def test_a_key_and_a_value_print_as_stars() -> None:
    value = SecretValue("needles")
    for shown in (repr(value), str(value), f"{value}", f"{value:>20}", f"{value!r}", format(value), repr([value]), str({"a": value})):
        assert "***" in shown and "needles" not in shown
    assert repr(KEY) == "Key(***)" and value.reveal() == "needles"
    assert not hasattr(value, "__dict__")


@pytest.mark.parametrize("act", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_value_cannot_be_pickled_or_copied(act: object) -> None:
    assert callable(act)
    with pytest.raises(TypeError, match="cannot be pickled"):
        act(SecretValue("needles"))


def test_a_value_is_no_key_of_anything() -> None:
    with pytest.raises(TypeError):
        hash(SecretValue("needles"))
    assert SecretValue("a") == SecretValue("a") != SecretValue("b")


@given(st.text(), st.text())
def test_digests_and_comparison(one: str, other: str) -> None:
    assert (digest(one) == digest(other)) is (one == other)
    assert same(digest(one), digest(other)) is (one == other)


@pytest.mark.promise(3)
def test_a_master_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    key = make_master_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_master_key(path).mac(b"m") == key.mac(b"m")
    with pytest.raises(FileExistsError):
        make_master_key(path)
    path.chmod(0o640)
    with pytest.raises(KeyProblem, match="0640"):
        read_master_key(path)


DYING = """
import os, sys
from pathlib import Path
from stagedoor.kit.crypto import make_master_key
setattr(os, sys.argv[2], lambda *given: os._exit(9))
make_master_key(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("where", ["open", "fdopen", "fsync", "link", "close"])
def test_a_master_key_is_whole_or_absent_wherever_its_making_is_cut_short(where: str, tmp_path: Path) -> None:
    """The process ends at this call, as a kill would end it; then the key is made again, or read."""
    path = tmp_path / "master.key"
    assert subprocess.run([sys.executable, "-c", DYING, str(path), where], check=False).returncode == 9
    key = read_master_key(path) if where == "close" else make_master_key(path)
    assert read_master_key(path).mac(b"m") == key.mac(b"m")


def test_where_there_are_no_links_a_master_key_is_made_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*given: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "master.key"
    key = make_master_key(path)
    assert read_master_key(path).mac(b"m") == key.mac(b"m")
    with pytest.raises(FileExistsError):
        make_master_key(path)
    assert [each.name for each in tmp_path.iterdir()] == ["master.key"]


@pytest.mark.parametrize("text", ["", "x" * 64, "00" * 31, "00" * 33, "0" * 63])
def test_a_bad_master_key_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(KeyProblem) as problem:
        parse_master_key(text)
    assert not text or text not in str(problem.value)
