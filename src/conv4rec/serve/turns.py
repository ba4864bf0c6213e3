"""One answer at a time: a short queue in front of the model, and a refusal when it is full."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
PATIENCE_SECONDS = 1.0
"""Who has waited longer for a turn is refused: an answer that comes too late helps nobody."""


class FullError(Exception):
    """As many questions wait as may: try again later."""


class Turns:
    """Runs what it is given in one thread of its own, first come, first served.

    One at a time, because an answer uses the memory of `max_memory_mb` and all threads of torch:
    two at once are no faster, and twice as large. More answers at once are more workers.

    Args:
        most_waiting: how many may wait beside the one that runs.
        patience: seconds that they may wait.
    """

    def __init__(self, most_waiting: int, patience: float) -> None:
        self.most_waiting, self.patience, self.n_inside = most_waiting, patience, 0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="answers")

    async def run(self, ask: Callable[[], T]) -> T:
        """Wait for a turn, run `ask`, and return what it returns.

        A caller that has gone away while it waited is not computed for.

        Raises:
            FullError: Too many wait already, said at once; or the turn came too late.
        """
        if self.n_inside > self.most_waiting:
            raise FullError
        self.n_inside += 1
        turn = self._thread.submit(self._in_time, ask, time.monotonic() + self.patience)
        loop = asyncio.get_running_loop()
        turn.add_done_callback(lambda _: self._leave(loop))
        return await asyncio.wrap_future(turn)

    @staticmethod
    def _in_time(ask: Callable[[], T], latest: float) -> T:
        if time.monotonic() > latest:
            raise FullError
        return ask()

    def _leave(self, loop: asyncio.AbstractEventLoop) -> None:
        with contextlib.suppress(RuntimeError):  # the worker is stopped, and its loop closed
            loop.call_soon_threadsafe(self._count_out)

    def _count_out(self) -> None:
        self.n_inside -= 1

    def close(self) -> None:
        """Let the present answer end, and take no more."""
        self._thread.shutdown(wait=False, cancel_futures=True)
