"""A server on loopback that serves, breaks off, delays and refuses, by what a path begins with."""

from __future__ import annotations

import http.server
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

SIZE = 400_000


def content(name: str) -> bytes:
    """What the server has under a name."""
    return random.Random(name).randbytes(SIZE)


class Server(http.server.ThreadingHTTPServer):
    """Answers by what a path begins with: a number refuses with it, ``breaks`` breaks the first two answers off (yt-dlp looks at a file
    before it takes it), ``slow`` waits in the middle until told, ``steady`` takes its time.

    Attributes:
        asked: path and Range header of every request.
        files: path -> other content than :func:`content` of the path.
        gate: ``slow`` waits for it.
    """

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.files: dict[str, bytes] = {}
        self.gate = threading.Event()
        self.halfway = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, request: object, address: object) -> None:
        """A client that goes away is what the tests do."""

    def times(self, name: str) -> int:
        """How often a path was asked for."""
        return sum(asked == name for asked, _ in list(self.asked))

    def address(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        self.server.asked.append((name, self.headers["Range"]))
        head = name.split("/")[0]
        if head.isdigit():
            return self.send_error(int(head))
        body = self.server.files.get(name, content(name))
        start = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").split("-")[0])
        if start >= len(body):
            return self.send_error(416)
        self.send_response(206 if self.headers["Range"] else 200)
        self.send_header("Content-Type", "video/mp4" if name.endswith(".mp4") else "application/octet-stream")
        self.send_header("Content-Length", str(len(body) - start))
        if self.headers["Range"]:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        self._send(name, head, body[start:])

    def _send(self, name: str, head: str, rest: bytes) -> None:
        breaks = head == "breaks" and self.server.times(name) <= 2
        for i in range(0, len(rest), 1 << 14):
            if i >= len(rest) // 2:
                if breaks:
                    self.close_connection = True
                    return
                if head == "slow":
                    self.server.halfway.set()
                    self.server.gate.wait(300)
            self.wfile.write(rest[i : i + (1 << 14)])
            if head == "steady":
                time.sleep(0.001)


@contextmanager
def serving() -> Iterator[Server]:
    """A server, running until the block ends."""
    server = Server()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.gate.set()
    server.shutdown()
    server.server_close()
