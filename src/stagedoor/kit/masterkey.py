"""Master keys that lie at hand: in the environment and in files."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stagedoor.kit.crypto import Key, KeyProblem, parse_master_key, read_master_key
from stagedoor.kit.secretvalue import SecretValue

NEW, OLD = "new", "old"


@dataclass(frozen=True)
class KeyFile:
    """`path`, and the names beside it that a rotation gives: `<path>.new` until it is done, `<path>.<id>.old` for the one before."""

    path: Path

    @property
    def new(self) -> Path:
        return self.path.with_name(f"{self.path.name}.{NEW}")

    def retired(self, key: Key) -> Path:
        return self.path.with_name(f"{self.path.name}.{key.id}.{OLD}")

    def there(self) -> list[Path]:
        """The files there are: the key's own, the new one, those before."""
        return [path for path in (self.path, self.new, *self.before()) if path.exists()]

    def before(self) -> list[Path]:
        return sorted(self.path.parent.glob(f"{self.path.name}.*.{OLD}"))

    def put_in_place(self) -> Path | None:
        """The new key takes the place of the one before. Wherever this is interrupted, both are still there by some name, and it can be
        done again. The name that the one before has now; None where there was none, or it has its name already."""
        folder, retired = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY), None
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)  # of two at once the second finds nothing left to do
            if self.new.exists() and self.path.exists():
                retired = self.retired(read_master_key(self.path))
                self.path.rename(retired)
            if self.new.exists():
                self.new.rename(self.path)
            os.fsync(folder)
        finally:
            os.close(folder)
        return retired


@dataclass(frozen=True)
class AtHand:
    """Read anew each time: a rotation puts a new one there while servers run."""

    texts: Sequence[SecretValue] = ()
    files: KeyFile | None = None
    only_new: bool = False
    """Of the files the new one alone: where the environment gives the key, a file of another store must not stand in for it."""
    given: Sequence[Key] = field(default=())

    def read(self) -> Iterator[Key]:
        """The one that a store without a name for its key has comes first. KeyProblem where a file cannot be used, once it is its turn."""
        yield from self.given
        yield from (parse_master_key(text.reveal()) for text in self.texts)
        yield from map(read_master_key, self._paths())

    def first(self) -> Key:
        """KeyProblem where there is none."""
        for key in self.read():
            return key
        if self.files is None:
            raise KeyProblem("there is no master key in the environment")
        return read_master_key(self.files.path)  # says what is wrong with it

    def _paths(self) -> list[Path]:
        if self.files is None:
            return []
        return [path for path in self.files.there() if not self.only_new or path == self.files.new]
