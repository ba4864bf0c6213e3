"""The process that starts the workers, replaces one that dies, and passes signals on."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from prometheus_client.multiprocess import mark_process_dead
from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.supervisors import Multiprocess

from conv4rec.errors import Conv4RecError, SettingError
from conv4rec.serve.connections import ImpatientProtocol
from conv4rec.serve.log_lines import LOG_CONFIG
from conv4rec.serve.settings import ServeSettings

if TYPE_CHECKING:
    from fastapi import FastAPI

logger = logging.getLogger("conv4rec.serve")

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
HAS_SERVED = "CONV4REC_HAS_SERVED"
"""The variable that tells a worker that others have served before it."""
PAUSE_SECONDS = 5.0  # before a worker that could not load its models is started again
MOST_CONNECTIONS = 2_048  # of a worker; more are answered 503
HUNG_SECONDS = 60  # after which a worker that does not move is replaced; loading may take long
LAST_ANSWERS_SECONDS = 30  # for answers that have begun, when the service is stopped


class Supervisor(Multiprocess):
    """uvicorn's supervisor; on SIGHUP the workers look for newer models, and stay."""

    def handle_hup(self) -> None:
        """Tell every worker to look for newer models now."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid or 0, signal.SIGHUP)

    def init_processes(self) -> None:
        """Start the workers."""
        super().init_processes()
        self._let_go()

    def _let_go(self) -> None:
        """Close the workers' ends of the pipes here, so that a death is noticed at once."""
        for process in self.processes:
            process.child_conn.close()

    def keep_subprocess_alive(self) -> None:
        """Replace dead workers; what they were busy with no longer counts."""
        if HAS_SERVED not in os.environ and any(p.is_ready(HUNG_SECONDS) for p in self.processes):
            os.environ[HAS_SERVED] = "1"
        before = {process.pid for process in self.processes}
        super().keep_subprocess_alive()
        self._let_go()
        for pid in before - {process.pid for process in self.processes}:
            logger.warning("worker replaced", extra={"facts": {"worker": pid}})
            mark_process_dead(pid)

    @property
    def failed_to_start(self) -> bool:
        """Whether a worker could not load its models."""
        return any(process.exitcode == STARTUP_FAILURE for process in self.processes)


def listen(settings: ServeSettings) -> socket.socket:
    """The socket that all workers accept connections from.

    Raises:
        SettingError: The address cannot be listened at.
    """
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        listening = socket.create_server(
            (settings.host, settings.port), family=family, backlog=2048
        )
    except OSError as error:
        raise SettingError(
            f"cannot listen at {settings.host} port {settings.port}: {error.strerror}"
        ) from error
    # Inherited by every connection: an answer is a head and a body, and without this the body waits
    # for the client's delayed ACK of the head, 40 ms. asyncio does it only where proto is set.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listening.set_inheritable(True)
    return listening


def supervise(settings: ServeSettings, listening: socket.socket) -> bool:
    """Serve until a signal says to stop. Returns whether the workers could start."""
    with tempfile.TemporaryDirectory(prefix="conv4rec-metrics-") as counts:
        os.environ[METRICS_FOLDER] = counts
        os.environ.pop(HAS_SERVED, None)
        config = Config(
            partial(worker_app, settings),  # type: ignore[arg-type]
            factory=True,
            workers=settings.n_workers,
            http=ImpatientProtocol,
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_config=LOG_CONFIG,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_graceful_shutdown=LAST_ANSWERS_SECONDS,
            timeout_worker_healthcheck=HUNG_SECONDS,
        )
        supervisor = Supervisor(config, [listening])
        supervisor.run()
        return not supervisor.failed_to_start


def _end_with_the_supervisor() -> None:
    """Stop this worker when its supervisor is gone, even if that was killed outright."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        shutil.rmtree(os.environ.get(METRICS_FOLDER, ""), ignore_errors=True)  # it could not
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True, name="supervisor").start()


def worker_app(settings: ServeSettings) -> FastAPI:
    """The application of a worker, with its models loaded; ends the worker if they cannot be."""
    from conv4rec.serve.app import make_app

    _end_with_the_supervisor()
    if not settings.is_precomputed:
        import torch

        torch.set_num_threads(settings.threads)
    app = make_app(settings)
    # A SIGHUP is remembered while the models are loaded: without this it would end the worker.
    signal.signal(signal.SIGHUP, lambda *_: app.state.engine.look_now())
    try:
        app.state.engine.start()
    except Conv4RecError as error:
        logger.error(str(error))
        if HAS_SERVED not in os.environ:
            sys.exit(STARTUP_FAILURE)  # nothing can be served: the service ends
        time.sleep(PAUSE_SECONDS)  # the folder is damaged, but others serve on: try again
        sys.exit(1)
    return app
