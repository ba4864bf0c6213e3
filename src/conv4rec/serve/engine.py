"""What a worker holds while it serves: its models, the turns they are asked in, its counts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.requests import HTTPConnection, Request

from conv4rec.serve.json_answers import JsonAnswer
from conv4rec.serve.metrics import Metrics
from conv4rec.serve.models import Models, Served
from conv4rec.serve.settings import ServeSettings
from conv4rec.serve.turns import PATIENCE_SECONDS, Turns

if TYPE_CHECKING:
    from conv4rec.recommender.answers import Answer

logger = logging.getLogger("conv4rec.serve")
T = TypeVar("T")


class UnknownModelError(Exception):
    """No model of this name is served."""


class Engine:
    """The models of one worker, and how they are asked."""

    def __init__(self, settings: ServeSettings, metrics: Metrics) -> None:
        self.settings, self.metrics = settings, metrics
        self.models, self.turns = Models(settings), Turns(settings.most_waiting, PATIENCE_SECONDS)
        self.is_ready = False
        self._look_now = asyncio.Event()

    def start(self) -> None:
        """Load all models, unless they are; a worker is ready after that.

        Raises:
            SavedModelError: A folder is not a model, or damaged.
        """
        if self.is_ready:
            return
        self.models.load_all()
        versions = {served.name: served.version for served in self.models.served.values()}
        for name, version in versions.items():
            self.metrics.now_serves(name, version)
        self.is_ready = True
        logger.info("ready", extra={"facts": {"models": versions}})

    def find(self, name: str) -> Served:
        """The model of a name.

        Raises:
            UnknownModelError: Names those that are served.
        """
        if name not in self.models.served:
            served = ", ".join(self.models.served)
            raise UnknownModelError(f"no model of this name is served; there is: {served}")
        return self.models.served[name]

    def facts(self) -> list[dict[str, Any]]:
        """Name, version and sizes of each model."""
        served = self.models.served.values()
        return [{"name": s.name, "version": s.version, **s.answers.facts()} for s in served]

    async def run(self, served: Served, ask: Callable[[Any], T]) -> T:
        """Whatever `ask` finds in a model, when it is its turn.

        Raises:
            FullError: Too many questions wait already.
        """
        with self.metrics.waiting.track_inprogress():
            return await self.turns.run(lambda: ask(served.answers))

    async def ask(self, served: Served, ask: Callable[[Any], Answer]) -> Answer:
        """The same for an answer, whose remarks are counted."""
        answer = await self.run(served, ask)
        name = served.name
        self.metrics.short_lists.labels(name).inc(answer.get("short_lists", 0))
        self.metrics.unknown_items.labels(name).inc(len(answer.get("unknown_items", ())))
        self.metrics.fallbacks.labels(name).inc(answer.get("fallback") is not None)
        return answer

    def look_now(self) -> None:
        """Look for newer models at once: what SIGHUP does."""
        self._look_now.set()

    async def watch(self) -> None:
        """Take newer models into service as their folders change, until cancelled."""
        pause = self.settings.watch_seconds or None
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._look_now.wait(), pause)
            self._look_now.clear()
            await self.renew_all()

    async def renew_all(self) -> None:
        """Take the newer models into service that are there now."""
        for name in self.models.served:
            await self._renew(name)

    async def _renew(self, name: str) -> None:
        """Swap one model for a newer one. Answers that have begun end with the old one."""
        found = await asyncio.to_thread(self.models.newer, name)
        if found is None:
            return
        before = self.models.served[name].version
        self.models.served[name] = found
        self.metrics.now_serves(name, found.version, before)
        self.metrics.reloads.labels(name).inc()
        facts = {"model": name, "version": found.version, "before": before}
        logger.info("model reloaded", extra={"facts": facts})


def engine_of(connection: HTTPConnection) -> Engine:
    """The engine of the application that is asked."""
    return connection.app.state.engine


async def ask(request: Request, name: str, question: Callable[[Any], Answer]) -> JsonAnswer:
    """Ask a model when it is its turn; the answer says which version of the model gave it.

    Raises:
        UnknownModelError: No model of this name is served.
        FullError: Too many questions wait already.
    """
    engine = engine_of(request)
    served = engine.find(name)
    request.scope["served_model"] = name
    answer = await engine.ask(served, question)
    return JsonAnswer({"model": name, "version": served.version, **answer})
