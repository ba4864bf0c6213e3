"""The cost of a fit, before it: of a log or of its counts, with the settings of a model."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from conv4rec.data import Events, Interactions, read_log
from conv4rec.errors import SettingError
from conv4rec.recommender.parameters import Parameters
from conv4rec.train.cost_model import LIBRARIES, CostEstimate, LogSizes, estimate_cost
from conv4rec.train.machine import free_memory_mb, machine_factor


def estimate_fit(log: Any, model: Parameters | None = None, **loading: Any) -> CostEstimate:
    """Processor time and peak memory of `model.fit(log)`, in a moment and without fitting.

    Time is that of one thread of this machine, whose speed is measured for 0.1 s. A fit on an
    accelerator is not estimated. docs/cost.md says how near estimates are.

    Args:
        log: as for `Conv4Rec.fit`; or a dict of its counts, by the names of `LogSizes`.
        model: with its parameters; by default the defaults.
        **loading: passed to `Interactions.from_frame`.

    Raises:
        SettingError: A parameter or a count is wrong, or the log has types, whose cost is unknown.
        DataError: The table cannot be used: names the column and the rows.

    >>> from conv4rec import Conv4Rec
    >>> counts = {"n_users": 943, "n_items": 1682, "n_interactions": 100_000, "n_rated": 100_000}
    >>> cost = estimate_fit(counts)
    >>> cost.memory_mb < 1000 and cost.seconds > estimate_fit(counts, Conv4Rec(n_steps=5)).seconds
    True
    """
    _, network, settings = (Parameters() if model is None else model).check_params()
    sizes = _sizes(log, loading)
    return estimate_cost(sizes, network.model_dump(), settings, machine_factor())


def _sizes(log: Any, loading: dict[str, Any]) -> LogSizes:
    if isinstance(log, Mapping):
        try:
            return LogSizes(**log)
        except TypeError as error:
            names = ", ".join(LogSizes.__dataclass_fields__)
            raise SettingError(f"counts of a log are numbers named {names}: {error}") from None
    if not isinstance(log, (Interactions, Events)):
        log = read_log(log, **loading)
    if isinstance(log, Events):
        raise SettingError(
            "the cost of a fit to a log with types is not estimated: only that of one without them"
        )
    return LogSizes.of(log)


def memory_remark(cost: CostEstimate) -> str | None:
    """A sentence if a fit needs more memory than is free; else None."""
    free = free_memory_mb()
    needed = cost.memory_mb - LIBRARIES / 1e6  # which are loaded already
    if free is None or needed <= free:
        return None
    return (
        f"the fit will take about {needed:,.0f} MB of memory, and {free:,.0f} MB are free: the "
        "system may end it; preset 'fast' and a smaller consume_size take less"
    )


def warn_of_memory(log: Interactions, shape: dict[str, Any], settings: Any) -> None:
    """Warn before a fit that needs more memory than is free."""
    if remark := memory_remark(estimate_cost(LogSizes.of(log), shape, settings)):
        warnings.warn(remark, UserWarning, stacklevel=3)
