"""The command `estimate`: time and memory of a fit, before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from conv4rec.cli import options
from conv4rec.cli.console import note, print_json, say
from conv4rec.cli.reading import reads_tables

if TYPE_CHECKING:
    from conv4rec.recommender import Conv4Rec


@reads_tables
def estimate(
    data: Annotated[str, typer.Argument(metavar="DATA", help="A file of ratings, or a data set.")],
    preset: options.Preset = "default",
    set_: options.Set = None,
    as_json: options.AsJson = False,
    *,
    reading: dict[str, Any],
) -> None:
    """Processor time and memory of a fit, from the counts of a log; nothing is fitted.

    A matrix product of 0.1 s measures the machine. Time is that of one thread; more threads can
    make it shorter.

    \b
    Example:
      conv4rec estimate ratings.csv
      conv4rec estimate ml-100k --preset fast --json
    """
    from conv4rec.cli import service

    model = service.make_model(preset, 0, "cpu", None, set_)
    log, _ = service.load_any_log(data, reading)
    show_cost(log, model, as_json)


def show_cost(log: Any, model: Conv4Rec, as_json: bool) -> None:
    """Print the estimate, and a note if memory will not do."""
    from conv4rec.data import Events
    from conv4rec.recommender.fit_cost import estimate_fit, memory_remark

    cost = estimate_fit(log, model)
    if remark := memory_remark(cost):
        note(remark)
    if not model.device.startswith("cpu"):
        note(f"this is the cost on a processor: that on {model.device} is not estimated")
    sizes = {"users": log.n_users, "items": log.n_items}
    if isinstance(log, Events):
        sizes["events"] = int(log.counts.sum())
    else:
        sizes["interactions"] = log.n_interactions
    if as_json:
        print_json({**vars(cost), **sizes})
        return
    say(", ".join(f"{count:,} {name}" for name, count in sizes.items()))
    for name, seconds in cost.stages.items():
        say(f"{name:<30} {seconds:>10,.1f} s")
    say(f"{'processor time, one thread':<30} {cost.seconds:>10,.1f} s")
    say(f"{'peak memory':<30} {cost.memory_mb:>10,.0f} MB")
