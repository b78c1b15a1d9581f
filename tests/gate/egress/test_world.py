"""End to end: a live server's HTTP tasks against every spelling of an address, in a world where every address answers (promise 8).

Needs `ip` and namespaces (`unshare -rnm`, as root or where anybody may); test_live.py does without, with fewer addresses."""

import json
import os
import re
import shutil
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from tests.gate.egress.spellings import NO_HOSTS, NOBODY, OTHERS, THIS_MACHINE
from tests.gate.egress.world import PORT

ROOT = Path(__file__).resolve().parents[3]
COMMANDS = all(map(shutil.which, ("unshare", "ip")))
NAMESPACES = COMMANDS and subprocess.run(["unshare", "-rnm", "ip", "link", "set", "lo", "up"], capture_output=True).returncode == 0
REQUIRED = os.environ.get("STAGEDOOR_REQUIRE_CRASH") == "1"
"""Where everything must be there: then only a kernel that makes no namespaces is a reason to leave this out."""
OWN = ["10.9.8.7", "169.254.9.8", "11.22.33.44", "own.example", "[2a00:77::44]", "own6.example", "[fd00:77::44]"]
NO_WAY = re.compile(r"22|23|255\.|4294967295|\[ff|\[fe[8b]|zone")  # multicast, broadcast, link-local without a zone: TCP has no way there
FORBIDDEN = [*THIS_MACHINE, *OTHERS, *OWN]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.promise(8),
    pytest.mark.skipif(not NAMESPACES and (COMMANDS or not REQUIRED), reason="no namespaces can be made here"),
]


def tried(folder: Path, authorities: list[str], patch: str = "") -> dict[str, Any]:
    """What world.py saw."""
    command = ["unshare", "-rnm", sys.executable, "-m", "tests.gate.egress.world", str(folder), patch]
    done = subprocess.run(command, input=json.dumps(authorities), capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def at(hosts: list[str]) -> list[str]:
    return [f"{host}:{PORT}" for host in hosts]


def test_no_spelling_of_a_forbidden_address_gets_a_connection_out_of_a_live_server(tmp_path: Path) -> None:
    rebinding = [f"rebind{n}.example" for n in range(3)]
    seen = tried(tmp_path, at(["8.8.8.8", *FORBIDDEN, *NO_HOSTS, *NOBODY, *rebinding]) + at(["REBIND0.example.", "rebind1.example."]))
    assert seen["connections"] == [{"where": "outside", "address": "8.8.8.8"}] * 4  # the public address, and each of the three once
    failed = {authority for authority, reason in seen["reasons"].items() if reason}
    assert failed == set(at([*FORBIDDEN, *NO_HOSTS, *NOBODY, "REBIND0.example.", "rebind1.example."]))
    assert seen["log"] == ""


def test_with_the_check_removed_connections_arrive(tmp_path: Path) -> None:
    seen = tried(tmp_path, at(FORBIDDEN), "unchecked")
    arrived = {ip_address(one["address"]) for one in seen["connections"]}
    reached = {authority for authority, reason in seen["reasons"].items() if not reason}
    assert len(reached) > 150
    assert {authority for authority in set(at(FORBIDDEN)) - reached if not NO_WAY.match(authority)} == set()
    some = ("127.0.0.1", "::1", "10.9.8.7", "169.254.9.8", "169.254.169.254", "100.100.100.200", "fd00:ec2::254", "64:ff9b::7f00:1")
    assert set(map(ip_address, some)) <= arrived
