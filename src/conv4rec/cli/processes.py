"""A command that `torchrun` has started in several processes: one of them speaks for all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout

from conv4rec.errors import SettingError, TrainingInterrupted

EXIT_WRONG, EXIT_INTERRUPTED = 2, 130
SPOKEN = "conv4rec said why it ended"


def is_one_of_many() -> bool:
    """Whether `torchrun` started this process, and others beside it."""
    return "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ["WORLD_SIZE"]) > 1


@contextmanager
def process_group(command: str | None) -> Iterator[None]:
    """Join the other processes, where there are any; all but the first print nothing.

    The first process that fails says why, whichever it is. The others end because of it, or for
    the same reason, and end silently.

    Raises:
        SettingError: The command is not `fit`, which alone is shared between processes.
    """
    if not is_one_of_many():
        yield
        return
    import torch
    from torch import distributed
    from torch.distributed.rendezvous import rendezvous

    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    store, number, size = next(rendezvous("env://"))
    distributed.init_process_group(store=store, rank=number, world_size=size)
    try:
        with ExitStack() as stack:
            if number:
                silence = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
                stack.enter_context(redirect_stdout(silence))
                stack.enter_context(redirect_stderr(silence))
            if command != "fit":
                raise SettingError("torchrun shares `conv4rec fit` alone between its processes")
            yield
    except Exception as error:
        was_said = False
        with contextlib.suppress(RuntimeError):  # the store has ended too
            was_said = store.add(SPOKEN, 1) > 1
        if was_said:
            interrupted = isinstance(error, TrainingInterrupted)
            raise SystemExit(EXIT_INTERRUPTED if interrupted else EXIT_WRONG) from error
        raise
    distributed.destroy_process_group()
