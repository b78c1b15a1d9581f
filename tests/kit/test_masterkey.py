"""Master keys at hand: what lies in files and in the environment, and how a new file takes the place of the one before."""

import fcntl
import threading
from pathlib import Path

import pytest

from stagedoor.kit.crypto import Key, KeyProblem, make_master_key, read_master_key
from stagedoor.kit.masterkey import AtHand, KeyFile
from stagedoor.kit.secretvalue import SecretValue

HEX = "5a" * 32


def test_an_id_tells_keys_apart_and_not_what_they_are() -> None:
    key = Key(bytes.fromhex(HEX))
    assert key.id == Key(bytes.fromhex(HEX)).id != Key(bytes(32)).id
    assert len(key.id) == 16 and key.id not in HEX


def test_a_key_travels_to_a_service_in_a_value_that_does_not_print() -> None:
    exported = Key(bytes.fromhex(HEX)).exported()
    assert str(exported) == "***"
    assert exported == SecretValue(HEX)


def test_the_one_of_the_environment_comes_first_and_a_file_of_another_store_does_not_stand_in(tmp_path: Path) -> None:
    files = KeyFile(tmp_path / "master.key")
    make_master_key(files.path)
    new = make_master_key(files.new)
    at_hand = AtHand([SecretValue(HEX)], files, only_new=True)
    assert [key.id for key in at_hand.read()] == [Key(bytes.fromhex(HEX)).id, new.id]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyProblem, match=r"master\.key cannot be read"):
        AtHand(files=KeyFile(tmp_path / "master.key")).first()
    with pytest.raises(KeyProblem, match="no master key in the environment"):
        AtHand().first()


def test_a_new_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    files = KeyFile(tmp_path / "master.key")
    make_master_key(files.path)
    make_master_key(files.new)
    files.new.chmod(0o640)
    with pytest.raises(KeyProblem, match="mode 0640"):
        list(AtHand(files=files).read())


@pytest.mark.parametrize("content", [b"no key", b"\xff\xfe", b"", None])
@pytest.mark.parametrize("in_turn", [True, False])
def test_a_file_of_before_that_cannot_be_read_keeps_no_other_from_being_found(
    content: bytes | None, in_turn: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`None`: others may read it."""
    files = KeyFile(tmp_path / "master.key")
    key, before = make_master_key(files.path), files.retired(Key(bytes(32)))
    before.write_bytes(content if content is not None else bytes(32).hex().encode())
    before.chmod(0o600 if content is not None else 0o644)
    if in_turn:
        assert AtHand(files=files).first().id == key.id
        return
    read = AtHand.read
    monkeypatch.setattr(AtHand, "read", lambda self: iter(list(read(self))))
    with pytest.raises(KeyProblem):
        AtHand(files=files).first()


def test_the_new_file_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    files = KeyFile(tmp_path / "master.key")
    old, new = make_master_key(files.path), make_master_key(files.new)
    retired = files.put_in_place()
    assert retired == files.retired(old) and read_master_key(retired).id == old.id
    assert read_master_key(files.path).id == new.id
    assert files.put_in_place() is None
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["master.key", retired.name])


@pytest.mark.parametrize("one_at_a_time", [True, False])
def test_of_two_that_put_it_in_place_at_once_neither_takes_the_new_one_away(
    one_at_a_time: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = KeyFile(tmp_path / "master.key")
    old, new = make_master_key(files.path), make_master_key(files.new)
    rename, second = Path.rename, threading.Thread(target=files.put_in_place)

    def slow(self: Path, target: Path) -> Path:
        if threading.current_thread() is not second and not second.ident:
            second.start()
            second.join(0.3)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", slow)
    if not one_at_a_time:
        monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    files.put_in_place()
    second.join()
    assert files.path.exists() == one_at_a_time
    if one_at_a_time:
        assert (read_master_key(files.path).id, read_master_key(files.retired(old)).id) == (new.id, old.id)


def test_wherever_that_is_interrupted_both_are_at_hand_and_it_can_be_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = KeyFile(tmp_path / "master.key")
    old, new = make_master_key(files.path), make_master_key(files.new)
    rename, calls = Path.rename, list[Path]()

    def cut(self: Path, target: Path) -> Path:
        if calls:
            raise KeyboardInterrupt
        calls.append(self)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", cut)
    with pytest.raises(KeyboardInterrupt):
        files.put_in_place()
    monkeypatch.undo()
    assert not files.path.exists()
    assert {key.id for key in AtHand(files=files).read()} == {old.id, new.id}
    files.put_in_place()
    assert read_master_key(files.path).id == new.id
