"""Which hosts and addresses the server may connect to for a workflow (promise 8), and the operator's exceptions.

A host is either a name or an address. Whatever the C library would take for an address (`127.1`, `0x7f.1`, `017700000001`,
`2130706433`, full-width digits) is read as that address here, so that a check and a connection never differ. Networks follow the
IANA special-purpose registries (RFC 6890 and later); of IPv6 only global unicast (2000::/3) and NAT64 (RFC 6052) are ever reached.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

import idna

from stagedoor.kit.errors import BadInput, StagedoorError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

ALLOW, RESOLVE, CA, PROXY = (f"STAGEDOOR_EGRESS_{name}" for name in ("ALLOW", "RESOLVE", "CA", "PROXY"))


class AddressRefused(StagedoorError):
    """the server does not connect there; the message holds the kind of address, neither the host nor more of a URL"""


# Clouds' metadata services first: three of them stand in networks that are forbidden anyway, but the name says more.
_KINDS_4: tuple[tuple[IPv4Network, str], ...] = tuple(
    (IPv4Network(network), kind)
    for network, kind in (
        ("169.254.169.254", "metadata"), ("100.100.100.200", "metadata"), ("192.0.0.192", "metadata"), ("168.63.129.16", "metadata"),
        ("0.0.0.0/8", "unspecified"), ("10.0.0.0/8", "private"), ("100.64.0.0/10", "private"), ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"), ("172.16.0.0/12", "private"), ("192.0.0.0/24", "reserved"), ("192.0.2.0/24", "reserved"),
        ("192.88.99.0/24", "reserved"), ("192.168.0.0/16", "private"), ("198.18.0.0/15", "reserved"), ("198.51.100.0/24", "reserved"),
        ("203.0.113.0/24", "reserved"), ("224.0.0.0/4", "multicast"), ("255.255.255.255", "broadcast"), ("240.0.0.0/4", "reserved"),
    )
)  # fmt: skip
_KINDS_6: tuple[tuple[IPv6Network, str], ...] = tuple(
    (IPv6Network(network), kind)
    for network, kind in (
        ("fd00:ec2::254", "metadata"), ("fd20:ce::254", "metadata"), ("::", "unspecified"), ("::1", "loopback"),
        ("fc00::/7", "private"), ("fe80::/10", "link-local"), ("fec0::/10", "private"), ("ff00::/8", "multicast"),
        ("2001::/23", "reserved"), ("2001:db8::/32", "reserved"), ("2002::/16", "reserved"), ("3fff::/20", "reserved"),
    )
)  # fmt: skip
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")


def parse_host(host: str) -> Address | str:
    """The host of a URL, with or without the brackets of IPv6: an address, or a name (ASCII, lower case, no final dot).

    AddressRefused where it is neither, or an IPv6 address with a zone.
    """
    if host.startswith("[") or ":" in host:
        return _parse_ipv6(host)
    name = host if host.isascii() else _to_ascii(host)
    name = name.lower().removesuffix(".")
    labels = name.split(".")
    if _NUMERIC.fullmatch(labels[-1]):
        return _parse_ipv4(labels)
    if len(name) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise AddressRefused("the host is not a valid name or address")
    return name


def _parse_ipv6(host: str) -> Address:
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        if "%" in bare:
            raise ValueError
        return plain(IPv6Address(bare))
    except ValueError:
        problem = AddressRefused("the host is not a valid IPv6 address (a zone is not taken)")
    raise problem


def _parse_ipv4(labels: list[str]) -> IPv4Address:
    """As inet_aton reads it: one to four numbers, decimal, octal (0...) or hexadecimal (0x...); the last fills the rest."""
    try:
        numbers = [_number(label) for label in labels]
        *first, last = numbers
        if len(numbers) > 4 or any(number > 255 for number in first) or last >= 256 ** (5 - len(numbers)):
            raise ValueError
        value = sum(number << (24 - 8 * index) for index, number in enumerate(first)) + last
        return IPv4Address(value)
    except ValueError:
        problem = AddressRefused("the host is not a valid IPv4 address")
    raise problem


def _number(label: str) -> int:
    if not _NUMERIC.fullmatch(label) or len(label) > 40:
        raise ValueError
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    return int(label, 8 if label.startswith("0") else 10)


def _to_ascii(host: str) -> str:
    """UTS 46: full-width and circled digits and the ideographic full stops become what a browser makes of them."""
    try:
        return idna.encode(host, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        problem = AddressRefused("the host is not a valid international name")
    raise problem


def plain(address: Address) -> Address:
    """An IPv4 address dressed as IPv6 (::ffff:127.0.0.1) as the IPv4 address that a socket connects to."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def forbidden(address: Address) -> str | None:
    """Why nobody may be sent there unasked ("loopback", "private", ...); None: a public address."""
    address = plain(address)
    if isinstance(address, IPv4Address):
        return next((kind for network, kind in _KINDS_4 if address in network), None)
    if address in _NAT64:
        return forbidden(_last_four(address))
    kind = next((kind for network, kind in _KINDS_6 if address in network), None)
    if kind is None and address in _COMPATIBLE:
        return forbidden(_last_four(address)) or "reserved"
    return kind or (None if address in _GLOBAL_UNICAST else "reserved")


def own(address: Address) -> bool:
    """Does this machine answer at it itself? What listens at a public address of one of its interfaces, behind a firewall, is as good as on
    loopback. Told by the address that a packet to it would leave from; none is sent."""
    family = socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(address), 9))
            return bool(probe.getsockname()[0] == str(address))
        except OSError:  # no way there
            return False


def _last_four(address: IPv6Address) -> IPv4Address:
    return IPv4Address(int(address) & 0xFFFFFFFF)


@dataclass(frozen=True)
class EgressSettings:
    """The operator's word on egress (`design.md` 10). By default: public addresses only, the system's authorities, no proxy."""

    allow_hosts: frozenset[str] = frozenset()
    allow_networks: tuple[Network, ...] = ()
    resolve: Mapping[str, tuple[Address, int]] = field(default_factory=dict)
    ca_file: Path | None = None
    proxy: str | None = field(default=None, repr=False)  # may hold a password

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "EgressSettings":
        """BadInput names the variable."""
        hosts, networks = _parse_allow(_items(environ, ALLOW))
        ca_file = Path(environ[CA]) if environ.get(CA) else None
        if ca_file is not None and not ca_file.is_file():
            raise BadInput(f"{CA}: there is no file {ca_file}", CA)
        return cls(hosts, networks, _parse_resolve(_items(environ, RESOLVE)), ca_file, _parse_proxy(environ.get(PROXY) or None))

    def check(self, host: str, address: Address) -> None:
        """May `host`, which is or resolves to `address`, be connected to? AddressRefused if not."""
        if host in self.allow_hosts or any(plain(address) in network for network in self.allow_networks):
            return
        kind = forbidden(address) or ("local" if own(address) else None)
        if kind is not None:
            raise AddressRefused(f"it is or leads to a {kind} address; {ALLOW} may allow it")

    def names(self, host: str) -> bool:
        """Did the operator name this very host (or, where it is an address, its network)?"""
        if host in self.allow_hosts or host in self.resolve:
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self.allow_networks)


def _items(environ: Mapping[str, str], name: str) -> list[str]:
    return [item.strip() for item in environ.get(name, "").split(",") if item.strip()]


def _parse_allow(items: Iterable[str]) -> tuple[frozenset[str], tuple[Network, ...]]:
    hosts: set[str] = set()
    networks: list[Network] = []
    for item in items:
        try:
            if "/" in item:
                networks.append(ipaddress.ip_network(item))
                continue
            host = parse_host(item)
        except (ValueError, AddressRefused):
            raise BadInput(f"{ALLOW}: {item} is neither a host nor a CIDR", ALLOW) from None
        if isinstance(host, str):
            hosts.add(host)
        else:
            networks.append(ipaddress.ip_network(host))
    return frozenset(hosts), tuple(networks)


def _parse_resolve(items: Iterable[str]) -> dict[str, tuple[Address, int]]:
    resolve: dict[str, tuple[Address, int]] = {}
    for item in items:
        name, _, target = item.partition("=")
        literal, _, port = target.rpartition(":")
        try:
            host, address = parse_host(name), parse_host(literal)
        except AddressRefused:
            host, address = "", ""
        if not isinstance(host, str) or isinstance(address, str) or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise BadInput(f"{RESOLVE}: {item} is not host=address:port", RESOLVE)
        resolve[host] = (address, int(port))
    return resolve


def _parse_proxy(proxy: str | None) -> str | None:
    if proxy is not None and not re.fullmatch(r"https?://([^/?#@\s]*@)?[^/?#@\s]+/?", proxy):
        raise BadInput(f"{PROXY}: it is not of the form http://host:port", PROXY)  # not shown: it may hold a password
    return proxy
