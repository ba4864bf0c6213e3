"""Forked processes: polars waits for ever for its pool of threads, which a fork does not copy."""

from __future__ import annotations

import os

from conv4rec.errors import DataError

_process: int | None = None  # that started the pool


def polars_started() -> None:
    """Say that polars has worked in this process, so a fork of it cannot use polars' threads."""
    global _process
    _process = _process or os.getpid()


def refuse_after_fork() -> None:
    """Raise instead of waiting for ever; called before work that polars does on its threads.

    Raises:
        DataError: This process was forked from one in which polars had worked.
    """
    polars_started()
    if _process != os.getpid():
        raise DataError(
            "this process was forked from one that had read tables or loaded a model, and cannot "
            "read a table: start it with multiprocessing's 'spawn', or ask by user ids or with "
            "{item_id: rating}"
        )
