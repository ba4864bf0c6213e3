"""A fit and an answer are the same wherever they are asked for.

A caller may be inside `torch.no_grad()`, `torch.inference_mode()` or autocast, or may have
changed torch's default dtype or device, NumPy's handling of floating-point errors, or the
precision of matrix products. Inside, all of it is as torch and NumPy start; after, it is as the
caller left it.
"""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
import torch

from conv4rec.errors import Conv4RecError, SavedModelError

P = ParamSpec("P")
R = TypeVar("R")
OURS, CONTEXTS = str(Path(__file__).parents[1]), contextlib.__file__
NO_MEMORY = "can't allocate memory"  # what torch says of the processor's
UNTRAINED = "these weights are not of a trained model, fit it again"
NUMPY_DEFAULTS: Any = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}


@contextmanager
def plain_surroundings() -> Iterator[None]:
    """Torch and NumPy as they start, then as they were.

    Default dtype, determinism and precision belong to the process: where the caller has changed
    them, another thread sees them change for as long.

    Raises:
        SavedModelError: A linear system has no solution: the weights are not of a trained model.
        MemoryError: Torch has not enough memory, of the processor or of the GPU.
    """
    with ExitStack() as stack:
        stack.enter_context(np.errstate(**NUMPY_DEFAULTS))
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        if not torch.is_grad_enabled():
            stack.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device() != torch.device("cpu"):
            stack.enter_context(torch.device("cpu"))
        if (dtype := torch.get_default_dtype()) != torch.float32:
            stack.callback(torch.set_default_dtype, dtype)
            torch.set_default_dtype(torch.float32)
        if (precision := torch.get_float32_matmul_precision()) != "highest":
            stack.callback(torch.set_float32_matmul_precision, precision)
            torch.set_float32_matmul_precision("highest")
        try:
            with solvable(
                SavedModelError, "these weights are not of a trained model, fit it again"
            ):
                yield
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError) or NO_MEMORY in str(error):
                raise MemoryError(f"torch has not enough memory for this: {error}") from error
            raise


@contextmanager
def solvable(kind: type[Conv4RecError], said: str) -> Iterator[None]:
    """Say so, as an error of this kind, where a linear system has no solution."""
    try:
        yield
    except torch.linalg.LinAlgError as error:  # pyright: ignore[reportPrivateImportUsage]
        raise kind(f"{said}: {error}") from error


def warn(text: str) -> None:
    """Warn at the line outside of conv4rec that asked."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith((OURS, CONTEXTS)):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, stacklevel=level)


def anywhere(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function give the same wherever it is called (see `plain_surroundings`)."""

    @wraps(function)
    def wrapped(*args: P.args, **options: P.kwargs) -> R:
        with plain_surroundings():
            return function(*args, **options)

    return wrapped


def each_anywhere(made: Iterator[R]) -> Iterator[R]:
    """The values of an iterator, each made in plain surroundings; between them the caller's."""
    while True:
        try:
            with plain_surroundings():
                value = next(made)
        except StopIteration:
            return
        yield value
