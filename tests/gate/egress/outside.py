"""The rest of the world, as a process in a network namespace of its own: it answers at every address there is, by TCP on one port and as a
name server, and writes down whoever connects. `python -m tests.gate.egress.outside PORT`: its end of the wire is called `outer`.

It prints "ready", and a line of JSON for each connection and each question."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from tests.gate.egress.names import NameServer
from tests.gate.egress.spellings import ANSWERS

NAME_SERVER = "9.9.9.9"
PUBLIC = "8.8.8.8"


def say(**words: object) -> None:
    print(json.dumps(words), flush=True)


def answers(name: str, before: int) -> Sequence[str] | None:
    """`rebindN.`: the public address first, then the server's own loopback; `own.`: an address of the server's own interface."""
    if name.startswith("rebind"):
        return [PUBLIC] if before == 0 else ["127.0.0.1", "::1"]
    return {"public.example": [PUBLIC], "own.example": ["11.22.33.44"], "own6.example": ["2a00:77::44"]}.get(name, ANSWERS.get(name))


def accept(listener: socket.socket, where: str) -> None:
    """Count each connection with the address it was made to, and answer it."""
    while True:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.settimeout(2)
            local = connection.getsockname()[0]
            say(where=where, address=local)
            request = connection.recv(65536)
            say(where=where, address=local, target=request.split(b" ")[1].decode("latin-1") if b" " in request else "")
            connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")


def listen(port: int, where: str) -> None:
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        listener.listen(256)
        threading.Thread(target=accept, args=(listener, where), daemon=True).start()


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def main(port: int) -> None:
    say(pid=True)
    while subprocess.run(["ip", "link", "show", "outer"], capture_output=True).returncode:
        time.sleep(0.02)
    ip("link", "set", "lo", "up")
    ip("link", "set", "outer", "up")
    ip("addr", "add", "11.22.33.1/24", "dev", "outer")
    ip("-6", "addr", "add", "2a00:77::1/64", "dev", "outer", "nodad")
    ip("-6", "route", "add", "fd00:77::44/128", "dev", "outer")  # the server's own, that it asks from
    ip("route", "add", "local", "0.0.0.0/0", "dev", "lo", "table", "main")
    ip("-6", "route", "add", "local", "::/0", "dev", "lo", "table", "main")
    listen(port, "outside")
    names = NameServer(answers, (NAME_SERVER, 53))
    say(ready=True)
    names.serve()


if __name__ == "__main__":
    main(int(sys.argv[1]))
