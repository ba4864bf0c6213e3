"""Clients that behave badly, beside one that behaves well."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence

from research.service.load import Seen, poisson
from research.service.running import Service

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def slow_head(connection: Connection, request: bytes) -> None:
    """Send a byte of the head each second."""
    for byte in request[:60]:
        connection[1].write(bytes([byte]))
        await connection[1].drain()
        await asyncio.sleep(1)


async def slow_body(connection: Connection, request: bytes) -> None:
    """Send the head, and then a byte of the body each second."""
    head, _, body = request.partition(b"\r\n\r\n")
    connection[1].write(head + b"\r\n\r\n")
    for byte in body[:60]:
        connection[1].write(bytes([byte]))
        await connection[1].drain()
        await asyncio.sleep(1)


async def silent(*_: object) -> None:
    """Connect, and say nothing."""
    await asyncio.sleep(60)


async def hangs_up(connection: Connection, request: bytes) -> None:
    """Ask, and leave before the answer."""
    connection[1].write(request)
    await connection[1].drain()


PAUSE_SECONDS = 5.0
"""Before a client that has left, or was cut off, comes again: 100 of them are 20 a second."""
BAD: dict[str, Callable[[Connection, bytes], Awaitable[None]]] = {
    "slow head": slow_head, "slow body": slow_body, "silent": silent, "hangs up": hangs_up,
}  # fmt: skip


async def with_bad_clients(
    running: Service, requests: Sequence[bytes], kind: str, n_bad: int, rate: float, seconds: float
) -> tuple[Seen, float]:
    """What good clients see while bad ones are there, and how long a bad one is held (median).

    A bad client that was cut off comes again.
    """
    held: list[float] = []

    async def bad() -> None:
        await asyncio.sleep(PAUSE_SECONDS * random.random())
        while True:
            began = time.monotonic()
            try:
                connection = await asyncio.open_connection(running.host, running.port)
                try:
                    talk = asyncio.ensure_future(BAD[kind](connection, requests[0]))
                    cut = asyncio.ensure_future(connection[0].read())
                    await asyncio.wait({talk, cut}, return_when=asyncio.FIRST_COMPLETED)
                    talk.cancel()
                    cut.cancel()
                finally:
                    connection[1].close()
            except OSError:
                pass
            held.append(time.monotonic() - began)
            await asyncio.sleep(PAUSE_SECONDS * random.random() * 2)

    crowd = [asyncio.create_task(bad()) for _ in range(n_bad)]
    await asyncio.sleep(PAUSE_SECONDS)
    seen = await poisson(running, requests, rate, seconds)
    for one in crowd:
        one.cancel()
    await asyncio.gather(*crowd, return_exceptions=True)
    return seen, sorted(held)[len(held) // 2] if held else float("nan")
