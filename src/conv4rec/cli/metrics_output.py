"""The figures of evaluations, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conv4rec.cli.console import say
from conv4rec.cli.tables import Table, figure
from conv4rec.evaluate.provenance import Record

MEANINGS = {
    "rmse": ("↓", "error of the expected rating, root mean square"),
    "mae": ("↓", "error of the median rating, mean absolute"),
    "nll": ("↓", "-log P(rating given), in nats"),
    "rps": ("↓", "error of the probabilities of all ratings"),
    "ece": ("↓", "calibration error of P(like)"),
    "auc_like": ("↑", "liked items ranked above others by P(like)"),
    "nll_joint": ("↓", "-log P(item and its rating), in nats"),
    "recall@20": ("↑", "held-out items found in the top 20"),
    "ndcg@20": ("↑", "the same, early places counting more"),
    "recall@50": ("↑", "held-out items found in the top 50"),
    "ndcg@100": ("↑", "as ndcg@20, in the top 100"),
    "ndcg_like@20": ("↑", "ndcg@20 of the liked items alone"),
}
"""The better direction and the meaning of every metric."""


def show_metrics(
    columns: Mapping[str, Mapping[str, float | None]], names: Sequence[str] | None = None
) -> None:
    """Print metrics, one line each with its meaning, one column a model."""
    table = Table(["metric", *columns, "meaning"], ("metric", "meaning"), elastic="meaning")
    for name in names or next(iter(columns.values())):
        arrow, meaning = MEANINGS.get(name, ("", ""))
        values = [figure(metrics.get(name), 4) for metrics in columns.values()]
        table.add(f"{name} {arrow}", *values, meaning)
    table.show()


def show_folds(
    records: Sequence[Record], mean: Mapping[str, Any], deviation: Mapping[str, Any]
) -> None:
    """Print a cross-validation: of each metric the mean over the folds, its spread, and each."""
    first = records[0]
    name = first.dataset.rpartition("/")[0]
    say(
        f"{first.model} on {len(records)} folds of {name}, seed {first.seed}: mean, standard "
        "deviation between folds, and each fold"
    )
    folds = {str(fold + 1): record.metrics for fold, record in enumerate(records)}
    show_metrics({"mean": mean, "sd": deviation, **folds})


def show_record(record: Record) -> None:
    """Print one run: model and data, the figures, and their costs."""
    sizes = record.sizes
    say(
        f"{record.model} on {record.dataset}, seed {record.seed}: {sizes['train']:,} training "
        f"interactions, {sizes['test']:,} in the test; liked from {record.like_threshold:g} up"
    )
    show_metrics({record.model: record.metrics})
    parameters = "" if record.n_parameters is None else f", {record.n_parameters:,} parameters"
    memory = "" if record.peak_rss_mb is None else f", {record.peak_rss_mb:,.0f} MB at most"
    say(f"fit {record.fit_s:.1f} s, evaluation {record.evaluate_s:.1f} s{memory}{parameters}")
