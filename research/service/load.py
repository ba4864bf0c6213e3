"""Requests that arrive as people do: at random times, whether or not the last one was answered."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from research.service.running import Service

MOST_AT_ONCE = 2_000  # open requests; an arrival beyond that is counted as "not sent"
REUSED_SECONDS = 3.0  # the service closes an idle connection after 5
GIVEN_UP_SECONDS = 30.0


@dataclass
class Seen:
    """What became of the requests: outcomes, and the milliseconds of those answered 200."""

    outcomes: Counter[str] = field(default_factory=Counter)
    ms: list[float] = field(default_factory=list)
    refused_ms: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """Milliseconds within which this share of the answers came; NaN without any."""
        return float(np.percentile(self.ms, 100 * share)) if self.ms else float("nan")

    def facts(self) -> dict[str, Any]:
        """The figures of a table."""
        found = {
            f"p{100 * share:g}": round(self.percentile(share), 1) for share in (0.5, 0.95, 0.99)
        }
        refused = round(float(np.percentile(self.refused_ms, 99)), 1) if self.refused_ms else None
        return {**dict(self.outcomes), **found, "refused_p99": refused}


class Client:
    """Asks one service over kept connections, with as little work of its own as can be."""

    def __init__(self, running: Service) -> None:
        self.running = running
        self._idle: list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, request: bytes) -> int:
        """Send a request and read its answer; returns the status."""
        reader, writer = await self._connection()
        writer.write(request)
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        self._idle.append((time.monotonic(), reader, writer))
        return int(head[9:12])

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            since, reader, writer = self._idle.pop()
            if time.monotonic() - since < REUSED_SECONDS and not reader.at_eof():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self.running.host, self.running.port)

    def close(self) -> None:
        """Close all connections."""
        for _, _, writer in self._idle:
            writer.close()


def posts(
    running: Service, model: str, questions: Sequence[dict[str, Any]], route: str = "recommend"
) -> list[bytes]:
    """Questions to a route as bytes."""
    found = []
    for question in questions:
        body = json.dumps(question).encode()
        found.append(
            f"POST /v1/models/{model}/{route} HTTP/1.1\r\nHost: {running.host}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
    return found


async def poisson(
    running: Service, requests: Sequence[bytes], rate: float, seconds: float, seed: int = 0
) -> Seen:
    """Send requests at random times, `rate` a second on average, and wait for their answers.

    A time is measured from when the request was due, so one that had to wait for this program
    counts as slow, too.
    """
    rng = np.random.default_rng(seed)
    due = np.cumsum(rng.exponential(1 / rate, size=int(rate * seconds)))
    chosen = rng.integers(len(requests), size=len(due))
    seen, client, open_ones = Seen(), Client(running), set[asyncio.Task[None]]()
    began = time.monotonic()

    async def one(request: bytes, at: float) -> None:
        try:
            async with asyncio.timeout(GIVEN_UP_SECONDS):
                status = str(await client.ask(request))
        except (OSError, EOFError, TimeoutError) as error:
            status = type(error).__name__
        seen.outcomes[status] += 1
        ms = 1000 * (time.monotonic() - began - at)
        (seen.ms if status == "200" else seen.refused_ms).append(ms)

    for at, which in zip(due.tolist(), chosen.tolist(), strict=True):
        await asyncio.sleep(max(0.0, began + at - time.monotonic()))
        if len(open_ones) >= MOST_AT_ONCE:
            seen.outcomes["not sent"] += 1
            continue
        task = asyncio.create_task(one(requests[which], at))
        open_ones.add(task)
        task.add_done_callback(open_ones.discard)
    await asyncio.gather(*open_ones)
    client.close()
    return seen


async def saturation(running: Service, requests: Sequence[bytes], seconds: float) -> float:
    """Answers a second that the service gives when it never has to wait for a question."""
    client, n, ends = Client(running), 0, time.monotonic() + seconds

    async def asker(first: int) -> int:
        done = 0
        while time.monotonic() < ends:
            await client.ask(requests[(first + done) % len(requests)])
            done += 1
        return done

    n = sum(await asyncio.gather(*(asker(7 * i) for i in range(4 * len(running.workers)))))
    client.close()
    return n / seconds
