"""Clients by the official conductor-py that go on while their secret key is rotated; commands and answers as in access_key.cjs.

Started by its path, it must not find another `conductor` than the SDK."""

import json
import os
import sys
import threading
import uuid

import conductor
import httpx
from conductor import Conductor

FAILED: list[str] = []
DONE: dict[str, int] = {}
REQUESTS: list[int] = []


def answered(response: httpx.Response) -> None:
    REQUESTS.append(response.status_code)
    if not response.is_success:
        FAILED.append(f"{response.request.method} {response.url}: {response.status_code}")


class Party:
    """A client that makes, finds and deletes end users. `max_retries=0`: what the SDK would send again is told of as it is."""

    def __init__(self, name: str, key: str) -> None:
        self.name, self.going = name, True
        client = httpx.Client(base_url=os.environ["CONDUCTOR_BASE_URL"], event_hooks={"response": [answered]})
        self.client = Conductor(api_key=key, max_retries=0, http_client=client)
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self) -> None:
        while self.going:
            try:
                made = self.client.end_users.create(company_name="Acme", source_id=uuid.uuid4().hex, email="a@acme.test")
                assert self.client.end_users.retrieve(made.id).source_id == made.source_id
                assert self.client.end_users.delete(made.id).deleted
            except Exception as problem:
                FAILED.append(f"round {DONE.get(self.name, 0) + 1} of {self.name}: {problem!r}")
                return
            DONE[self.name] = DONE.get(self.name, 0) + 1
            say({"done": DONE})

    def stop(self) -> None:
        self.going = False
        self.thread.join()

    def late(self) -> dict[str, object]:
        try:
            self.client.end_users.list()
        except conductor.APIStatusError as problem:
            return {"type": type(problem).__name__, "status": problem.status_code, "error": problem.body["error"]["code"]}
        return {}


def say(what: object) -> None:
    print(json.dumps(what), flush=True)


def main() -> None:
    parties: list[Party] = []
    released: list[Party] = []
    for line in sys.stdin:
        command, *given = line.split()
        if command == "KEY":
            parties.append(Party(f"party {len(parties) + len(released) + 1}", *given))
        elif command == "RELEASE":
            released.append(parties.pop(0))
            released[-1].stop()
            say({"released": True})
        elif command == "LATE":
            say({"late": released[0].late()})
        else:
            for party in parties:
                party.stop()
            say({"requests": len(REQUESTS), "failed": FAILED})


if __name__ == "__main__":
    main()
