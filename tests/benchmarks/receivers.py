"""Receivers in processes of their own: an HTTP server and an SMTP server that take everything and count it."""

from __future__ import annotations

import asyncio
import sys

HTTP_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Http(asyncio.Protocol):
    """Answers every request whose length is given."""

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            self._transport.write(HTTP_ANSWER)  # type: ignore[attr-defined]


class Smtp(asyncio.Protocol):
    """Takes every mail."""

    def __init__(self) -> None:
        self._buffer = b""
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._say(b"220 here")

    def _say(self, line: bytes) -> None:
        self._transport.write(line + b"\r\n")  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            mark = b"\r\n.\r\n" if self._in_data else b"\r\n"
            end = self._buffer.find(mark)
            if end < 0:
                return
            line, self._buffer = self._buffer[:end], self._buffer[end + len(mark) :]
            self._answer(line)

    def _answer(self, line: bytes) -> None:
        word = line[:4].upper()
        if self._in_data:
            self._in_data = False
            self._say(b"250 taken")
        elif word == b"DATA":
            self._in_data = True
            self._say(b"354 go on")
        elif word == b"QUIT":
            self._say(b"221 bye")
            self._transport.close()
        else:
            self._say(b"250 yes")


async def _main(kind: str) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Http if kind == "http" else Smtp, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
