"""The demo's worker: the official `conductor-python` SDK and nothing else, so that it runs where Stagedoor is not installed.

All it is told are CONDUCTOR_SERVER_URL, CONDUCTOR_AUTH_KEY and CONDUCTOR_AUTH_SECRET.
"""

import hashlib
import hmac

from conductor.client.automator.task_handler import TaskHandler
from conductor.client.configuration.configuration import Configuration
from conductor.client.worker.worker_task import worker_task


@worker_task(task_definition_name="get_weather", poll_interval_millis=50)  # type: ignore[untyped-decorator, unused-ignore]
def get_weather(zip: str, api_key: str) -> dict[str, str]:
    """A forecast, signed with the key that only this worker was given; and, carelessly, the address with the key in it."""
    signature = hmac.new(api_key.encode(), zip.encode(), hashlib.sha256).hexdigest()
    called = f"https://weather.example/v1?zip={zip}&key={api_key}"
    return {"forecast": f"sunny in {zip}, 24 degrees", "signature": signature, "called": called}


if __name__ == "__main__":
    with TaskHandler(configuration=Configuration()) as handler:
        handler.start_processes()
        handler.join_processes()
