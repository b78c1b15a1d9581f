"""A real name server over UDP (RFC 1035), as small as can be: A and AAAA, time to live 0, an answer that may change with each question."""

import socket
import struct
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

A, AAAA = 1, 28
Answers = Callable[[str, int], Sequence[str] | None]
"""(name, how often it was asked for before, by type) -> its addresses; None: there is no such name."""


@dataclass
class NameServer:
    """`serve` in a daemon thread or a process of its own. `asked` counts questions by (name, type)."""

    answers: Answers
    address: tuple[str, int] = ("127.0.0.1", 0)
    asked: Counter[tuple[str, int]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(self.address)
        self.port: int = self.socket.getsockname()[1]

    def serve(self) -> None:
        while True:
            question, client = self.socket.recvfrom(4096)
            self.socket.sendto(self.answer(question), client)

    def answer(self, question: bytes) -> bytes:
        name, kind, end = parse_question(question)
        before = self.asked[name, kind]
        self.asked[name, kind] += 1
        found = self.answers(name, before)
        records = [record(text) for text in found or () if (AAAA if ":" in text else A) == kind]
        flags = 0x8180 if found is not None else 0x8183  # an answer, recursion available; NXDOMAIN
        return question[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0) + question[12:end] + b"".join(records)


def parse_question(packet: bytes) -> tuple[str, int, int]:
    """(name, type, where the question ends)."""
    labels, at = [], 12
    while length := packet[at]:
        labels.append(packet[at + 1 : at + 1 + length].decode("latin-1"))
        at += 1 + length
    return ".".join(labels).lower(), struct.unpack("!H", packet[at + 1 : at + 3])[0], at + 5


def record(text: str) -> bytes:
    packed = ip_address(text).packed
    return b"\xc0\x0c" + struct.pack("!HHIH", AAAA if len(packed) == 16 else A, 1, 0, len(packed)) + packed


def ask(server: tuple[str, int], name: str, seconds: float = 2) -> list[str]:
    """What a resolver does: both questions over UDP. OSError where there is no such name."""
    found: list[str] = []
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(seconds)
        for kind in (A, AAAA):
            client.sendto(struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1), server)
            packet = client.recv(4096)
            if packet[3] & 15:
                raise OSError("no such name")
            at = parse_question(packet)[2]
            for _ in range(struct.unpack("!H", packet[6:8])[0]):
                length = struct.unpack("!H", packet[at + 10 : at + 12])[0]
                found.append(str(ip_address(packet[at + 12 : at + 12 + length])))
                at += 12 + length
    return found
