"""All that the API answers, kept to be searched; deliveries to workers, which alone may hold values, are left out."""

import httpx

from tests.support.server import Api, LiveServer

MAY_HOLD_VALUES = ("/api/tasks/poll/", "/api/tasks/update-v2")


class Recording:
    """Clients whose answers are kept, heads and bodies."""

    def __init__(self, server: LiveServer) -> None:
        self._server = server
        self._kept: list[bytes] = []

    def api(self) -> Api:
        token = self._server.token(self._server.first["keyId"], self._server.first["keySecret"])
        client = httpx.Client(
            base_url=self._server.url, timeout=60, headers={"X-Authorization": token}, event_hooks={"response": [self._keep]}
        )
        self._server.clients.append(client)
        return Api(client)

    @property
    def answers(self) -> bytes:
        return b"\n".join(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def _keep(self, response: httpx.Response) -> None:
        response.read()
        if not response.request.url.path.startswith(MAY_HOLD_VALUES):
            head = b"".join(name + b": " + value + b"\n" for name, value in response.headers.raw)
            self._kept.append(head + response.content)
