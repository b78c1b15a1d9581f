"""Runs all of it: `make bench`, or `make bench BENCH="--seconds 0.5 --rounds 3"` for a quick look."""

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvloop

from bench.decide import decide_per_second
from bench.handoff import handoff_microseconds
from bench.load import Measured, NextRequest, request, window
from bench.redaction import redaction_megabytes
from bench.seed import Client, seed
from bench.workflows import workflows_per_second
from tests.support.server import LiveServer, free_port

AIMS = {"checked exists": 0.60, "token exchange": 0.20}
CHANGES_PER_SECOND = 10


@dataclass(frozen=True)
class Case:
    """What is asked of ours and of the floor: requests that bring the same bytes back."""

    name: str
    ours: NextRequest
    floor: NextRequest


async def tokens_of(server: LiveServer, clients: list[Client]) -> list[str]:
    """One access token for each key, used once, as the SDKs would have: they keep a token for 45 minutes."""
    waiting = asyncio.Semaphore(16)

    async def one(http: httpx.AsyncClient, client: Client) -> str:
        async with waiting:
            answer = await http.post("/api/token", json={"keyId": client.key_id, "keySecret": client.secret})
            token = str(answer.json()["token"])
            await http.get(f"/api/secrets/{client.readable[0]}/exists", headers={"X-Authorization": token})
            return token

    async with httpx.AsyncClient(base_url=server.url, timeout=60) as http:
        return list(await asyncio.gather(*(one(http, client) for client in clients)))


def cases(clients: list[Client], tokens: list[str], chance: random.Random) -> list[Case]:
    """Keys and secrets are drawn at random for every request."""
    exchanges = [request("POST", "/api/token", json.dumps({"keyId": one.key_id, "keySecret": one.secret}).encode()) for one in clients]
    pairs = list(zip(clients, tokens, strict=True))

    def drawn(path: str) -> bytes:
        client, token = chance.choice(pairs)
        return request("GET", path.format(chance.choice(client.readable)), token=token)

    def fixed(data: bytes) -> Callable[[], bytes]:
        return lambda: data

    size = len(json.dumps({"token": tokens[0]}).encode()) - 1
    value = len("value-of-secret_0000-0123456789")
    bare_exchange = request("POST", f"/{size}/json", exchanges[0].partition(b"\r\n\r\n")[2])
    return [
        Case("token exchange", lambda: chance.choice(exchanges), fixed(bare_exchange)),
        Case("checked exists", lambda: drawn("/api/secrets/{}/exists"), fixed(request("GET", "/4/json", token=tokens[0]))),
        Case("secret's value (audited)", lambda: drawn("/api/secrets/{}"), fixed(request("GET", f"/{value}/text", token=tokens[0]))),
    ]


async def change_grants(server: LiveServer, clients: list[Client]) -> None:
    """Another client changes a grant ten times a second, for as long as the benchmark runs."""
    token = server.token(server.first["keyId"], server.first["keySecret"])
    async with httpx.AsyncClient(base_url=server.url, headers={"X-Authorization": token}, timeout=30) as http:
        made = (await http.post("/api/applications", json={"name": "changing"})).json()["id"]
        target = {"type": "SECRET_NAME", "id": "secret_0000"}
        body = {"subject": {"type": "USER", "id": f"app:{made}"}, "target": target, "access": ["READ"]}
        while True:
            for method in ("POST", "DELETE"):
                (await http.request(method, "/api/auth/authorization", json=body)).raise_for_status()
                await asyncio.sleep(1 / CHANGES_PER_SECOND)


async def measure(server: LiveServer, floor: subprocess.Popen[bytes], floor_port: int, options: argparse.Namespace) -> dict[str, object]:
    clients = await asyncio.to_thread(lambda: options.clients)
    tokens = await tokens_of(server, clients)
    changing = asyncio.create_task(change_grants(server, clients))
    report: dict[str, object] = {}
    assert server.process is not None
    for case in cases(clients, tokens, random.Random(2)):
        ours: list[Measured] = []
        bare: list[Measured] = []
        for _ in range(options.rounds):
            bare.append(await window(floor_port, floor.pid, case.floor, seconds=options.seconds))
            ours.append(await window(server.port, server.process.pid, case.ours, seconds=options.seconds))
        report[case.name] = summary(case.name, ours, bare)
        if changing.done():
            await changing
    report["worker-task workflows"] = await workflows_per_second(server, options.seconds * options.rounds)
    changing.cancel()
    return report


def summary(name: str, ours: list[Measured], bare: list[Measured]) -> dict[str, float]:
    ratios = [mine.rate / floor.rate for mine, floor in zip(ours, bare, strict=True)]
    line = {
        "ratio": round(statistics.median(ratios), 3),
        "perSecond": round(statistics.median(one.rate for one in ours)),
        "floorPerSecond": round(statistics.median(one.rate for one in bare)),
        "cpuMicroseconds": round(statistics.median(one.cpu for one in ours), 1),
        "floorCpuMicroseconds": round(statistics.median(one.cpu for one in bare), 1),
    }
    aim = f"   aim {AIMS[name]:.0%}" if name in AIMS else ""
    print(
        f"{name:<26} {line['ratio']:>6.1%} of bare uvicorn{aim:<12} {line['perSecond']:>8,}/s against {line['floorPerSecond']:,}/s"
        f"   CPU {line['cpuMicroseconds']} us against {line['floorCpuMicroseconds']} us",
        flush=True,
    )
    return line


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one window")
    parser.add_argument("--rounds", type=int, default=7, help="windows of ours and of the floor, taken in turn")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = LiveServer(Path(folder) / "data")
        admin = server.init()["user"]
        print("seeding 10,000 keys, 1,000 secrets ...", flush=True)
        options.clients = seed(server.data, admin)
        server.start()
        floor_port = free_port()
        floor = subprocess.Popen([sys.executable, "-m", "bench.floor", str(floor_port)])
        try:
            report = uvloop.run(measure(server, floor, floor_port, options))
        finally:
            floor.kill()
            floor.wait()
            server.stop()
    report["verdicts per second"] = decide_per_second()
    report["redaction, MB per second"] = redaction_megabytes()
    report["hand-off door, microseconds"] = handoff_microseconds()
    if options.json:
        print(json.dumps(report))


if __name__ == "__main__":
    main()
