"""What every test may use. Async tests run under anyio's plugin on asyncio: mark them `pytest.mark.anyio`."""

from collections.abc import AsyncIterator, Callable, Iterator
from functools import lru_cache
from pathlib import Path

import httpx._transports.default as httpx_transport
import pytest

from stagedoor.store import Store
from stagedoor.store.sqlite import SqliteStore
from tests.gate.doors.stage import Listener, listening
from tests.support import postgres
from tests.support.openbao import OpenBao, openbao_server
from tests.support.server import LiveServer, live_server

NewStore = Callable[..., Store]
"""Makes a store on the test's database, not opened yet; takes the keyword arguments both stores share (clock, schema, limits)."""

# A client reads the system's certificates anew each time, 40 ms of CPU: one reading does for all.
httpx_transport.create_ssl_context = lru_cache(httpx_transport.create_ssl_context)  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server for this session: STAGEDOOR_TEST_POSTGRES, else a private one."""
    with postgres.server() as url:
        yield url


@pytest.fixture(scope="session")
def openbao() -> Iterator[OpenBao]:
    """One OpenBao server for all tests of the session that only need mounts of their own; tests that use it are `slow`."""
    with openbao_server() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh, empty database: the path of an SQLite file that does not exist yet, or a PostgreSQL connection string."""
    if request.param == "sqlite":
        yield str(tmp_path / "stagedoor.db")
        return
    with postgres.database(request.getfixturevalue("postgres_server")) as url:
        yield url


@pytest.fixture
async def new_store(database: str) -> AsyncIterator[NewStore]:
    """More stores on one database, as several nodes have them. All are closed at the end."""
    made: list[Store] = []

    def make(**options: object) -> Store:
        made.append(_store(database, options))
        return made[-1]

    yield make
    for store in made:
        await store.close()


@pytest.fixture
async def store(new_store: NewStore) -> Store:
    """An open store with the real schema, empty."""
    store = new_store()
    await store.open()
    return store


def _store(database: str, options: dict[str, object]) -> Store:
    if not database.startswith("/"):
        from stagedoor.store.postgres import PostgresStore

        return PostgresStore(database, **options)  # type: ignore[arg-type]
    return SqliteStore(database, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def sqlite_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """One live server on SQLite for all tests of the session that only need names of their own."""
    with live_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def server(database: str, tmp_path: Path) -> Iterator[LiveServer]:
    """A live server of one's own, on SQLite and on PostgreSQL."""
    with live_server(tmp_path, None if database.startswith("/") else database) as made:
        yield made


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A place on the network that writes down what it is sent."""
    with listening() as made:
        yield made
