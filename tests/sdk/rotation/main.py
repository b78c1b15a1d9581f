"""Workers and clients of the official SDK that go on while their access key is rotated: JSON lines out, one command a line in.

`KEY ID SECRET` starts a second set of clients and a worker by another key, as a deployment does; `RELEASE` stops the first set; `STOP` all.
Every request that the SDK makes is told of at the end: `{"requests": n, "failed": [...]}`. A run that did not end well is in `failed` too.
"""

import json
import os
import sys
import threading
import time
from typing import Any

from conductor.client.automator.task_handler import TaskHandler
from conductor.client.configuration.configuration import Configuration
from conductor.client.configuration.settings.authentication_settings import AuthenticationSettings
from conductor.client.http import rest
from conductor.client.orkes_clients import OrkesClients
from conductor.client.worker.worker_task import worker_task

URL, WORKFLOW = os.environ["CONDUCTOR_SERVER_URL"], os.environ["WORKFLOW"]
REQUESTS: list[tuple[str, str, int]] = []
FAILED: list[str] = []
DONE: dict[str, int] = {}


@worker_task(task_definition_name=os.environ["TASK"], poll_interval_millis=20, thread_count=2)  # type: ignore[untyped-decorator, unused-ignore]
def work(number: int) -> dict[str, int]:
    return {"number": number}


def watched() -> None:
    """Around the SDK's own transport, which stays what it is."""
    real = rest.RESTClientObject.request

    def request(client: Any, method: str, url: str, *rest_of: Any, **options: Any) -> Any:
        try:
            answer = real(client, method, url, *rest_of, **options)
        except rest.ApiException as problem:
            FAILED.append(f"{method} {url}: {problem.status} {problem.body}")
            raise
        except Exception as problem:
            FAILED.append(f"{method} {url}: {problem!r}")
            raise
        REQUESTS.append((method, url, answer.status))
        return answer

    rest.RESTClientObject.request = request


class Party:
    """A worker, and a client that starts runs and waits for their end."""

    def __init__(self, name: str, key_id: str, secret: str) -> None:
        settings = AuthenticationSettings(key_id, secret)
        self.name, self.going = name, True
        self.handler = TaskHandler(configuration=Configuration(server_api_url=URL, authentication_settings=settings))
        self.clients = OrkesClients(Configuration(server_api_url=URL, authentication_settings=settings))
        self.handler.start_processes()
        self.thread = threading.Thread(target=self.start_runs)
        self.thread.start()

    def start_runs(self) -> None:
        workflows, number = self.clients.get_workflow_client(), 0
        while self.going:
            number += 1
            try:
                run = workflows.start_workflow_by_name(WORKFLOW, {"number": number})
                deadline = time.monotonic() + 30
                while (found := workflows.get_workflow_status(run, include_output=True)).status == "RUNNING":
                    assert time.monotonic() < deadline, "it does not end"
                    time.sleep(0.02)
                assert (found.status, found.output) == ("COMPLETED", {"number": number}), found
            except Exception as problem:
                FAILED.append(f"run {number} of {self.name}: {problem!r}")
                return
            DONE[self.name] = number
            print(json.dumps({"done": DONE}), flush=True)

    def stop(self) -> None:
        self.going = False
        self.thread.join()
        self.handler.stop_processes()


def main() -> None:
    os.environ["CONDUCTOR_WORKER_ISOLATION"] = "thread"  # in this process, so that the record sees what they ask
    watched()
    parties: list[Party] = []
    for line in sys.stdin:
        command, *given = line.split()
        if command == "KEY":
            parties.append(Party(f"party {len(DONE) + 1}", given[0], given[1]))
        elif command == "RELEASE":
            parties.pop(0).stop()
            print(json.dumps({"released": True}), flush=True)
        else:
            break
    for party in parties:
        party.stop()
    print(json.dumps({"requests": len(REQUESTS), "failed": FAILED}), flush=True)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # the SDK's worker threads may not have noticed yet that they are to stop
