"""Pictures of a benchmark, drawn from its records alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conv4rec.benchmark.candidates import OURS
from conv4rec.benchmark.charts import COLOURS, Axes, Curve, Panel, style, svg
from conv4rec.benchmark.records import slug
from conv4rec.benchmark.summary import Row, datasets, rows_of, shares
from conv4rec.errors import MissingExtraError

SHORTEST_S = 0.01  # a fit that takes less is drawn there
MOST_PANELS = 6
Records = list[dict[str, Any]]


def draw_all(records: Records, folder: Path) -> list[Path]:
    """Draw whatever the records of each split allow; returns the files that were written.

    Warns, and draws nothing, if matplotlib is not installed.
    """
    try:
        with style():
            pass
    except MissingExtraError as error:
        warnings.warn(str(error), stacklevel=2)
        return []
    written = []
    kinds: dict[str, Callable[[Records, str], str | None]] = {
        "time": time_picture,
        "reliability": reliability_picture,
        "levels": levels_picture,
        "lists": lists_picture,
        "labels": labels_picture,
    }
    for dataset in datasets(records):
        for kind, draw in kinds.items():
            picture = draw(records, dataset)
            if picture is not None:
                path = folder / f"{slug(dataset)}-{kind}.svg"
                path.write_text(picture, encoding="utf-8")
                written.append(path)
    return written


def time_picture(records: Records, dataset: str) -> str | None:
    """NDCG@20 and RMSE against the seconds of a fit; one dot for each model."""
    rows = _rows(records, dataset)
    panels = []
    for name, note in (("ndcg@20", "higher is better"), ("rmse", "lower is better")):
        curves = []
        for row in rows:
            metric, seconds = row.metric(name), row.cost("fit_s")
            if metric and seconds is not None:
                point = (max(seconds, SHORTEST_S), metric.mean)
                colour = 1 if row.model == OURS else 0
                curves.append(Curve("", [point], colour, dots=True, labels=[row.model]))
        if curves:
            panels.append(Panel(name, curves, note))
    if not panels:
        return None
    axes = Axes("seconds to fit", "", log_y=False, shared=False, from_zero=False,
                width=400, height=300)  # fmt: skip
    n_cpus = rows[0].runs[0]["machine"]["n_cpus"]
    caption = f"{dataset}, mean over seeds; {n_cpus} processor{'' if n_cpus == 1 else 's'}."
    return svg(panels, axes, caption)


def reliability_picture(records: Records, dataset: str) -> str | None:
    """P(like) against the share liked; one panel for each model: ours, then those of least NLL."""
    rows = [row for row in _rows(records, dataset) if _tables(row)]
    rows.sort(key=lambda row: (row.model != OURS, _mean(row, "nll")))
    panels = [
        Panel(
            row.model + (" (Gaussian)" if row.is_gaussian else ""),
            _reliability("liked", _tables(row)["like"]),
            f"ECE {_mean(row, 'ece'):.3f}",
        )
        for row in rows[:MOST_PANELS]
    ]
    if not panels:
        return None
    axes = Axes("P(like)", "share that was liked", log_x=False, log_y=False)
    return svg(panels, axes, f"{dataset}, seed {rows[0].seeds[0]}; {BAND}")


def levels_picture(records: Records, dataset: str) -> str | None:
    """Our probability of each level against how often it was given; one panel for each level."""
    ours = [row for row in _rows(records, dataset) if row.model == OURS and _tables(row)]
    if not ours:
        return None
    tables = {name: table for name, table in _tables(ours[0]).items() if name != "like"}
    panels = [
        Panel(f"rating {name}", _reliability("given", table), f"given {_times(table):,} times")
        for name, table in tables.items()
    ]
    axes = Axes("probability of this rating", "share that it was", log_x=False, log_y=False)
    return svg(panels, axes, f"{OURS}, {dataset}, seed {ours[0].seeds[0]}; {BAND}")


def lists_picture(records: Records, dataset: str) -> str | None:
    """Expected against achieved recall@20 of the users' lists; one panel for each model."""
    rows = [row for row in _rows(records, dataset) if row.runs[0].get("foresight")]
    panels = []
    for row in rows[:MOST_PANELS]:
        seen = row.runs[0]["foresight"]
        correlation = seen["rank_correlation"]
        note = f"{seen['expected']:.3f} expected, {seen['achieved']:.3f} achieved"
        note += "" if correlation is None else f", ρ {correlation:.2f}"
        panels.append(Panel(row.model, _reliability("achieved", seen["table"]), note))
    if not panels:
        return None
    axes = Axes("expected recall@20", "achieved recall@20", log_x=False, log_y=False)
    caption = f"{dataset}: tenths of the users by expected recall; shaded: 95% of the mean; "
    caption += "ρ: rank correlation over users."
    return svg(panels, axes, caption)


def labels_picture(records: Records, dataset: str) -> str | None:
    """RMSE and NLL against the share of labels dropped; one line for each model."""
    dropped = shares(records, dataset)
    if len(dropped) < 2:
        return None
    found = {
        share: {row.model: row for row in rows_of(records, dataset, share)} for share in dropped
    }
    models = list(
        dict.fromkeys(m for rows in found.values() for m in rows if rows[m].metric("rmse"))
    )
    panels = []
    for name in ("rmse", "nll"):
        curves = []
        for model in models:
            points = [
                (share, metric.mean)
                for share in dropped
                if model in found[share] and (metric := found[share][model].metric(name))
            ]
            if points:
                number = models.index(model)
                curves.append(Curve(model, points, number, dashed=number >= len(COLOURS)))
                curves.append(Curve(model, points, number, dots=True))
        panels.append(Panel(name, curves, "lower is better"))
    axes = Axes("share of labels dropped", "", log_x=False, log_y=False, shared=False,
                from_zero=False)  # fmt: skip
    return svg(panels, axes, f"{dataset}: the interactions stay, their ratings go.")


BAND = "shaded: 95% over resampled users; dashed: perfect calibration."


def _rows(records: Records, dataset: str) -> list[Row]:
    return rows_of(records, dataset, shares(records, dataset)[0])


def _tables(row: Row) -> dict[str, Any]:
    return row.runs[0].get("calibration") or {}


def _times(table: dict[str, list[float]]) -> int:
    return round(sum(n * share for n, share in zip(table["n"], table["observed"], strict=True)))


def _mean(row: Row, name: str) -> float:
    found = row.metric(name)
    return found.mean if found else float("inf")


def _reliability(name: str, table: dict[str, list[float]]) -> list[Curve]:
    points = list(zip(table["predicted"], table["observed"], strict=True))
    band = list(zip(table["predicted"], table["low"], table["high"], strict=True))
    end = max(table["predicted"])
    perfect = Curve("perfect calibration", [(0.0, 0.0), (end, end)], 4, dashed=True)
    return [perfect, Curve(name, points, 0, band=band)]
