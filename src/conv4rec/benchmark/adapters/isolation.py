"""Isolation of other libraries: their warnings, output and random state have no effect outside."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from conv4rec.data.interactions import Interactions
from conv4rec.errors import DataError, MissingExtraError
from conv4rec.evaluate.blocks import positions
from conv4rec.evaluate.scorer import IntArray


def library(module: str) -> Any:
    """Import another library, or a part of it, when it is needed.

    Raises:
        MissingExtraError: It is not there, or what it needs itself is not.

    >>> library("json.decoder").JSONDecodeError.__name__
    'JSONDecodeError'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        hint = "pip install 'conv4rec[peers]'"
        if error.name == "pkg_resources":
            hint = "pip install 'setuptools<82': newer ones have no pkg_resources"
        raise MissingExtraError(
            f"{module} needs {error.name}, not installed. Hint: {hint}"
        ) from error


@contextlib.contextmanager
def contained() -> Iterator[None]:
    """Run calls of another library silently, and with NumPy's global random state restored.

    Warnings (of deprecated imports, of thread settings) and progress bars are discarded. Errors
    pass through.
    """
    numpy_state = np.random.get_state(legacy=False)  # noqa: NPY002 - libraries draw from it
    output = io.StringIO()
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(output),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        np.random.set_state(numpy_state)  # noqa: NPY002


@contextlib.contextmanager
def contained_torch(seed: int) -> Iterator[None]:
    """The same for libraries on torch: its generator is seeded inside and as before outside."""
    import torch

    with (
        contained(),
        torch.random.fork_rng(devices=[]),
        torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled),
    ):
        torch.manual_seed(seed)
        yield


def thread_count() -> int:
    """How many threads a library may start: OMP_NUM_THREADS, or one for every processor.

    >>> thread_count() >= 1
    True
    """
    chosen = os.environ.get("OMP_NUM_THREADS", "")
    if chosen.isdecimal() and int(chosen) > 0:
        return int(chosen)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def histories(given: Interactions, rows: IntArray) -> csr_matrix:
    """The implicit-feedback matrix of some users: ones, rows × items, float32.

    The older matrix class, as these libraries ask for it by name.
    """
    owners, at = positions(given, np.asarray(rows))
    ones = np.ones(len(at), dtype=np.float32)
    items = given.item_numbers[at]
    return csr_matrix((ones, (owners, items)), shape=(len(rows), given.n_items))


def consumed(train: Interactions) -> csr_matrix:
    """The implicit-feedback matrix of all users: ones, users × items, float32."""
    return histories(train, np.arange(train.n_users))


def check_same_histories(name: str, train: Interactions, given: Interactions) -> None:
    """Raise DataError if a model that cannot fold in is asked for other histories than its own."""
    if given is train:
        return
    same = (
        given.users == train.users
        and np.array_equal(given.starts, train.starts)
        and np.array_equal(given.item_numbers, train.item_numbers)
    )
    if not same:
        raise DataError(
            f"{name} knows the users it was fitted on by their number and cannot fold in other "
            "histories. Hint: leave it out of new-users splits"
        )


def settings_of(model: type) -> Mapping[str, Any]:
    """The settings of an adapter and their defaults."""
    return {field.name: field.default for field in fields(model) if field.init}
