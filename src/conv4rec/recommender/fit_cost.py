"""The cost of a fit, before it: of a log or of its counts, with the settings of a model."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from conv4rec.data import Events, Interactions, read_log
from conv4rec.errors import SettingError
from conv4rec.recommender.parameters import Parameters
from conv4rec.train.cost_model import LIBRARIES, CostEstimate, LogSizes, estimate_cost
from conv4rec.train.event_cost import event_cost
from conv4rec.train.machine import free_memory_mb, machine_factor


def estimate_fit(log: Any, model: Parameters | None = None, **loading: Any) -> CostEstimate:
    """Processor time and peak memory of `model.fit(log)`, in a moment and without fitting.

    Time is that of one thread of this machine, whose speed is measured for 0.1 s. A fit on an
    accelerator is not estimated. docs/cost.md says how near estimates are.

    Args:
        log: as for `Conv4Rec.fit`; or a dict of its counts, by the names of `LogSizes`, if it has
            no types.
        model: with its parameters; by default the defaults.
        **loading: passed to `from_frame`, as by `Conv4Rec.fit`.

    Raises:
        SettingError: A parameter or a count is wrong.
        DataError: The table cannot be used: names the column and the rows.

    >>> from conv4rec import Conv4Rec
    >>> counts = {"n_users": 943, "n_items": 1682, "n_interactions": 100_000, "n_rated": 100_000}
    >>> cost = estimate_fit(counts)
    >>> cost.memory_mb < 1000 and cost.seconds > estimate_fit(counts, Conv4Rec(n_steps=5)).seconds
    True
    """
    _, network, settings = (Parameters() if model is None else model).check_params()
    if not isinstance(log, (Mapping, Interactions, Events)):
        log = read_log(log, **loading)
    shape, slowness = network.model_dump(), machine_factor()
    if not isinstance(log, Events):
        return estimate_cost(_sizes(log), shape, settings, slowness)
    types = event_cost(log, slowness)
    if log.types.levels is None:
        return types
    ratings = estimate_cost(LogSizes.of(log.interactions()), shape, settings, slowness)
    return CostEstimate(
        round(types.seconds + ratings.seconds, 1),
        max(types.memory_mb, ratings.memory_mb),  # one after the other
        types.stages | ratings.stages,
    )


def _sizes(log: Interactions | Mapping[str, Any]) -> LogSizes:
    if isinstance(log, Interactions):
        return LogSizes.of(log)
    try:
        return LogSizes(**log)
    except TypeError as error:
        names = ", ".join(LogSizes.__dataclass_fields__)
        raise SettingError(f"counts of a log are numbers named {names}: {error}") from None


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


def warn_of_memory(log: Interactions | Events, shape: dict[str, Any], settings: Any) -> None:
    """Warn before a fit that needs more memory than is free."""
    if isinstance(log, Events):
        cost = event_cost(log)
    else:
        cost = estimate_cost(LogSizes.of(log), shape, settings)
    if remark := memory_remark(cost):
        warnings.warn(remark, UserWarning, stacklevel=3)
