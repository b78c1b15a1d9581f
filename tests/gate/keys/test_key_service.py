"""The master key lies with OpenBao: it is asked at start and in a rotation alone, and what it refuses is told without the token."""

import sqlite3
from pathlib import Path

import pytest

from stagedoor.gate.key_service import KeyService, KeyServiceRefused
from stagedoor.kit.crypto import Key
from stagedoor.kit.errors import BadInput, StagedoorError, Unavailable
from stagedoor.kit.secretvalue import SecretValue
from tests.gate.keys.raw import stagedoor
from tests.support.openbao import OpenBao, openbao_server
from tests.support.server import LiveServer, free_port

TOKEN = "s.never-to-be-seen-0123456789"
PLAIN = SecretValue("ab" * 32)


def service(bao: OpenBao, mount: str, token: str | None = None) -> KeyService:
    return KeyService(f"{bao.url}/{mount}/stagedoor", SecretValue(token or bao.root), ca=bao.ca)


# --- without a service ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["bao.example", "https://bao.example", "https://bao.example/transit", "ftp://bao.example/transit/key", "https://a:b@bao.example/transit/key",
     "https://bao.example/transit/key?x=1", "https://bao.example:0/transit/key", "https://bao.example:nine/transit/key", "https:///transit/key"],
)  # fmt: skip
def test_an_address_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match="STAGEDOOR_KEY_SERVICE: it is not of the form"):
        KeyService.from_environment({"STAGEDOOR_KEY_SERVICE": url, "STAGEDOOR_KEY_SERVICE_TOKEN": TOKEN})


def test_the_master_key_does_not_travel_in_the_clear() -> None:
    with pytest.raises(BadInput, match="use https"):
        KeyService.from_environment({"STAGEDOOR_KEY_SERVICE": "http://bao.example/transit/key", "STAGEDOOR_KEY_SERVICE_TOKEN": TOKEN})


@pytest.mark.parametrize("token", ["", "two\nlines", "umlaut-ü"])
def test_a_token_that_is_none_is_refused_without_being_repeated(token: str, tmp_path: Path) -> None:
    path = Path(tmp_path, "token")
    path.write_text(token)
    made = KeyService.from_environment({"STAGEDOOR_KEY_SERVICE": "http://127.0.0.1:9/t/k", "STAGEDOOR_KEY_SERVICE_TOKEN_FILE": str(path)})
    assert made is not None
    with pytest.raises(BadInput) as told:
        made.wrap(PLAIN)
    assert not token or token not in str(told.value)


def test_there_is_no_service_without_an_address_and_none_without_a_token() -> None:
    assert KeyService.from_environment({"STAGEDOOR_KEY_SERVICE_TOKEN": TOKEN}) is None
    with pytest.raises(BadInput, match="wants a token"):
        KeyService.from_environment({"STAGEDOOR_KEY_SERVICE": "https://bao.example/transit/key"})


def test_a_service_that_is_not_there_is_named_and_the_token_is_not() -> None:
    made = KeyService(f"http://127.0.0.1:{free_port()}/transit/key", SecretValue(TOKEN))
    with pytest.raises(
        Unavailable, match=r"the key service http://127.0.0.1:\d+/transit/key cannot be reached: Connection refused"
    ) as told:
        made.wrap(PLAIN)
    assert TOKEN not in f"{told.value!r} {made!r} {made}"


# --- with one -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_what_it_wraps_it_unwraps_and_nobody_else_does(openbao: OpenBao) -> None:
    mount = openbao.transit("stagedoor", "another")
    made = service(openbao, mount)
    wrapped = made.wrap(PLAIN)
    assert wrapped.startswith("vault:v1:")
    assert made.unwrap(wrapped) == PLAIN
    for bad in (wrapped[:-4] + "AAAA", "vault:v9:" + wrapped[9:], "nonsense"):
        with pytest.raises(KeyServiceRefused, match="answered 400"):
            made.unwrap(bad)
    with pytest.raises(KeyServiceRefused):
        KeyService(f"{openbao.url}/{mount}/another", SecretValue(openbao.root)).unwrap(wrapped)


@pytest.mark.slow
def test_a_token_needs_no_more_than_the_two_verbs_on_the_one_key(openbao: OpenBao) -> None:
    mount = openbao.transit("stagedoor")
    both = openbao.token("\n".join(f'path "{mount}/{verb}/stagedoor" {{ capabilities = ["update"] }}' for verb in ("encrypt", "decrypt")))
    made = service(openbao, mount, both)
    assert made.unwrap(made.wrap(PLAIN)) == PLAIN
    neither = openbao.token('path "sys/health" { capabilities = ["read"] }')
    with pytest.raises(KeyServiceRefused, match="answered 403: the token may not encrypt there") as told:
        service(openbao, mount, neither).wrap(PLAIN)
    assert neither not in str(told.value)


@pytest.mark.slow
def test_a_key_or_an_engine_that_is_not_there_is_told(openbao: OpenBao) -> None:
    for mount, key in (("nowhere", "stagedoor"), (openbao.transit(), "stagedoor")):
        with pytest.raises(StagedoorError, match=r"the key service .* answered 40"):
            KeyService(f"{openbao.url}/{mount}/{key}", SecretValue(openbao.root)).unwrap("vault:v1:AAAA")


@pytest.mark.slow
def test_over_tls_with_a_certificate_that_is_trusted_and_no_other() -> None:
    with openbao_server(tls=True) as bao:
        mount = bao.transit("stagedoor")
        made = service(bao, mount)
        assert made.unwrap(made.wrap(PLAIN)) == PLAIN
        with pytest.raises(Unavailable, match="its certificate is not trusted"):
            KeyService(made.url, made.token).wrap(PLAIN)
        with pytest.raises(BadInput, match="no file of PEM certificates"):
            KeyService(made.url, made.token, ca=bao.log).wrap(PLAIN)


@pytest.mark.slow
def test_a_store_under_a_key_service_needs_it_to_start_and_not_to_run(tmp_path: Path) -> None:
    with openbao_server() as bao:
        token_file = tmp_path / "token"
        token_file.write_text(f"{bao.root}\n")
        address = f"{bao.url}/{bao.transit('stagedoor')}/stagedoor"
        environment = {"STAGEDOOR_KEY_SERVICE": address, "STAGEDOOR_KEY_SERVICE_TOKEN_FILE": str(token_file)}
        server = LiveServer(tmp_path / "data", environment=environment)
        server.init()
        assert not list(server.data.glob("master.key*"))
        try:
            server.start()
            bao.freeze()
            admin = server.admin()
            admin.put_secret("sealed", "while the service hangs")
            assert admin.raw("GET", "/api/secrets/sealed").text == "while the service hangs"
            server.stop()
            _does_not_start(server, bao.root, f"the key service {address} cannot be reached: no answer within 5 s")
            bao.thaw()
            assert server.start().admin().raw("GET", "/api/secrets/sealed").text == "while the service hangs"
            done = stagedoor(server, "doctor")
            assert (done.exit_code, done.stdout) == (0, "no findings\n")
        finally:
            bao.thaw()
            server.stop()
        _another_key_in_its_place(server, service(bao, address.split("/")[3]))
        _does_not_start(server, bao.root, "is not master key")
        bao.stop()
        _does_not_start(server, bao.root, f"the key service {address} cannot be reached: Connection refused")


def _does_not_start(server: LiveServer, token: str, why: str) -> None:
    done = stagedoor(server, "serve", "--listen", "127.0.0.1:1")
    assert done.exit_code == 1
    assert why in done.stderr
    assert token not in done.stderr and "Traceback" not in done.stderr


def _another_key_in_its_place(server: LiveServer, made: KeyService) -> None:
    with sqlite3.connect(server.data / "stagedoor.db") as raw:
        raw.execute("UPDATE master_key SET wrapped = ?", [made.wrap(Key.new().exported())])
    raw.close()
