"""A job in a process of its own: whatever happens there, the bench goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import IO, Any

from conv4rec.benchmark.job import Job

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
)


@dataclass(frozen=True)
class Outcome:
    """The outcome of a process."""

    findings: list[dict[str, Any]]
    """Every object that it told, in order."""
    failure: str | None
    """Why it did not end well, in one sentence; None if it did."""
    error: str | None = None
    """Name of the Python error, if that is what stopped it."""


def run_job(job: Job, limit_s: float, threads: int | None = None) -> Outcome:
    """Run a job in a process of its own, and end it when its time is up.

    Args:
        job: What to do.
        limit_s: Seconds after which it is ended, with all that it started.
        threads: Threads that it may use; by default as many as its libraries like.
    """
    environment = dict(os.environ)
    if threads is not None:
        environment |= dict.fromkeys(THREAD_VARIABLES, str(threads))
    with tempfile.TemporaryFile() as said:
        worker = subprocess.Popen(
            [sys.executable, "-m", "conv4rec.benchmark.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env=environment,
            start_new_session=True,
        )
        try:
            told, _ = worker.communicate(job.to_json().encode(), timeout=limit_s)
            failure = None if worker.returncode == 0 else _why(worker.returncode, said)
        except subprocess.TimeoutExpired:
            _end(worker)
            told, _ = worker.communicate()
            failure = f"not done within {limit_s / 60:.3g} minutes"
        except BaseException:  # Ctrl-C: nothing may run on
            _end(worker)
            worker.communicate()
            raise
    findings = _objects(told)
    if findings and findings[-1]["kind"] == "failure":
        last = findings.pop()
        return Outcome(findings, last["reason"], last["error"])
    return Outcome(findings, failure)


def _objects(told: bytes) -> list[dict[str, Any]]:
    """The complete lines; an ended process may leave half of one."""
    complete = told[: told.rfind(b"\n") + 1]
    return [json.loads(line) for line in complete.splitlines()]


def _why(code: int, said: IO[bytes]) -> str:
    """A sentence for a process that ended without an answer."""
    if code < 0:
        name = signal.Signals(-code).name
        hint = " (was there enough memory?)" if -code == 9 else ""
        return f"killed by {name}{hint}"
    said.seek(0)
    lines = said.read().decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
    return f"ended with code {code}: {last}"


def _end(worker: subprocess.Popen[bytes]) -> None:
    """End the worker and whatever it started: they are a session of their own."""
    if hasattr(os, "killpg"):
        try:
            os.killpg(worker.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
    else:
        worker.kill()
