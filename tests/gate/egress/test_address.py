"""What counts as an address, which are forbidden, and how an operator's exceptions are written."""

import re
import unicodedata
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from stagedoor.gate import address as module
from stagedoor.gate.address import ALLOW, CA, PROXY, RESOLVE, Address, AddressRefused, EgressSettings, forbidden, parse_host
from stagedoor.kit.errors import BadInput
from tests.gate.egress.spellings import ANSWERS, NO_HOSTS, NOBODY, OTHERS, PUBLIC, THIS_MACHINE

pytestmark = pytest.mark.promise(8)


@pytest.mark.parametrize("spelling", THIS_MACHINE + OTHERS)
def test_a_forbidden_address_is_seen_through_its_spelling(spelling: str) -> None:
    host = parse_host(spelling)
    addresses = [ip_address(text) for text in ANSWERS[host]] if isinstance(host, str) else [host]
    assert any(forbidden(address) for address in addresses)


NAMES = re.compile("localhost|example", re.IGNORECASE)


@pytest.mark.parametrize("spelling", [text for text in THIS_MACHINE if not NAMES.search(unicodedata.normalize("NFKC", text))])
def test_every_spelling_of_this_machine_is_read_as_the_one_address(spelling: str) -> None:
    assert str(parse_host(spelling)) in ("127.0.0.1", "0.0.0.0")


@pytest.mark.parametrize("spelling", NOBODY)
def test_what_only_looks_like_an_address_is_a_name(spelling: str) -> None:
    assert isinstance(parse_host(spelling), str)


def test_the_corpus_is_large_enough() -> None:
    assert len(set(THIS_MACHINE)) >= 60 and len(set(OTHERS)) >= 60 and len(set(NO_HOSTS)) >= 60


@pytest.mark.parametrize("spelling", PUBLIC)
def test_a_public_address_is_not_forbidden(spelling: str) -> None:
    host = parse_host(spelling)
    assert not isinstance(host, str)
    assert forbidden(host) is None


@pytest.mark.parametrize("text", [text for text in NO_HOSTS if "@" not in text and not text.startswith("127.0.0.1:")])
def test_what_is_no_host_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(AddressRefused) as caught:
        parse_host(text)
    assert len(text) < 4 or text not in caught.value.message


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Example.COM", "example.com"),
        ("example.com.", "example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("a_b.example", "a_b.example"),
        ("0xyz.example", "0xyz.example"),
        ("1.example", "1.example"),
        ("ＥＸ.example", "ex.example"),
        ("host-1", "host-1"),
    ],
)
def test_names_have_one_spelling(text: str, name: str) -> None:
    assert parse_host(text) == name


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", "loopback"),
        ("10.2.3.4", "private"),
        ("169.254.169.254", "metadata"),
        ("169.254.1.1", "link-local"),
        ("::1", "loopback"),
        ("0.0.0.0", "unspecified"),
        ("::", "unspecified"),
        ("224.0.0.1", "multicast"),
        ("255.255.255.255", "broadcast"),
        ("fd00::1", "private"),
        ("100.64.0.1", "private"),
        ("fe80::1", "link-local"),
        ("::ffff:10.0.0.1", "private"),
        ("64:ff9b::10.0.0.1", "private"),
        ("2002:a00:1::", "reserved"),
        ("2001::1", "reserved"),
        ("::8.8.8.8", "reserved"),
        ("168.63.129.16", "metadata"),
    ],
)
def test_the_kind_is_named(address: str, kind: str) -> None:
    assert forbidden(ip_address(address)) == kind


def settings_of(**values: str) -> EgressSettings:
    return EgressSettings.from_environment({f"STAGEDOOR_EGRESS_{name}": value for name, value in values.items()})


def permits(settings: EgressSettings, host: str, address: str) -> bool:
    try:
        settings.check(host, ip_address(address))
    except AddressRefused:
        return False
    return True


def test_nothing_is_allowed_by_default() -> None:
    settings = EgressSettings.from_environment({})
    assert settings == EgressSettings()
    assert not permits(settings, "a.example", "10.0.0.1")
    assert permits(settings, "a.example", "8.8.8.8")


def test_an_operator_allows_hosts_addresses_and_networks() -> None:
    settings = settings_of(ALLOW=" Intern.example, 10.1.0.0/16 ,127.0.0.1,[fd00::7],fd12::/16 ")
    assert permits(settings, "intern.example", "192.168.0.1")
    assert permits(settings, "x", "10.1.2.3") and permits(settings, "x", "::ffff:10.1.2.3")
    assert permits(settings, "x", "127.0.0.1") and permits(settings, "x", "fd00::7") and permits(settings, "x", "fd12::9")
    for host, address in [("x.intern.example", "192.168.0.1"), ("x", "10.2.0.1"), ("x", "127.0.0.2"), ("x", "fd00::8")]:
        assert not permits(settings, host, address)


def test_a_refusal_names_the_host_and_the_way_out_not_the_address() -> None:
    with pytest.raises(AddressRefused, match=r"^it is or leads to a private address; STAGEDOOR_EGRESS_ALLOW") as caught:
        EgressSettings().check("db.example", ip_address("10.9.8.7"))
    assert "10.9.8.7" not in caught.value.message


def test_resolve_gives_a_host_an_address_and_a_port() -> None:
    expected: dict[str, tuple[Address, int]] = {"api.example": (ip_address("127.0.0.1"), 8443), "b.example": (ip_address("::1"), 1)}
    assert settings_of(RESOLVE="API.example=127.0.0.1:8443,b.example=[::1]:1").resolve == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (ALLOW, "10.0.0.1/8"),
        (ALLOW, "10.0.0.0/33"),
        (ALLOW, "a b"),
        (ALLOW, "http://a.example"),
        (ALLOW, "a.example:80"),
        (RESOLVE, "a.example"),
        (RESOLVE, "a.example=127.0.0.1"),
        (RESOLVE, "a.example=b.example:80"),
        (RESOLVE, "a.example=127.0.0.1:0"),
        (RESOLVE, "a.example=127.0.0.1:70000"),
        (RESOLVE, "127.0.0.1=127.0.0.1:80"),
        (RESOLVE, "=127.0.0.1:80"),
        (RESOLVE, "a.example=127.0.0.1:８０"),
        (CA, "/nowhere/ca.pem"),
        (PROXY, "proxy.example:3128"),
        (PROXY, "socks5://a.example"),
        (PROXY, "http://user:Hidden1@a.example/path"),
    ],
)
def test_a_bad_setting_is_refused_by_the_name_of_its_variable(name: str, value: str) -> None:
    with pytest.raises(BadInput, match=f"^{name}: ") as caught:
        EgressSettings.from_environment({name: value})
    assert caught.value.field == name
    assert "Hidden1" not in caught.value.message


def test_settings_print_no_password(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("x")
    settings = settings_of(PROXY="http://user:Hidden1@proxy.example:3128", CA=str(ca))
    assert settings.proxy == "http://user:Hidden1@proxy.example:3128"
    assert settings.ca_file == ca
    assert "Hidden1" not in repr(settings)
    assert ip_network("10.0.0.0/8") not in settings.allow_networks


def test_an_address_of_this_machine_is_refused_whatever_network_it_is_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a public address of one of its interfaces is. test_world.py has real ones."""
    monkeypatch.setattr(module, "forbidden", lambda address: None)
    assert not permits(EgressSettings(), "a.example", "127.0.0.1")
    assert permits(EgressSettings(), "a.example", "8.8.8.8")
    assert permits(settings_of(ALLOW="127.0.0.0/8"), "a.example", "127.0.0.1")
    monkeypatch.setattr(module, "own", lambda address: False)
    assert permits(EgressSettings(), "a.example", "127.0.0.1")


@pytest.mark.parametrize(
    ("host", "named"),
    [("a.example", True), ("b.example", True), ("10.1.2.3", True), ("fd00::1", True), ("c.example", False), ("10.2.0.1", False)],
)
def test_hosts_that_the_operator_named(host: str, named: bool) -> None:
    assert settings_of(ALLOW="a.example,10.1.0.0/16,[fd00::1]", RESOLVE="b.example=127.0.0.1:1").names(host) == named
