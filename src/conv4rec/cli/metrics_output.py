"""The figures of evaluations, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conv4rec.cli.console import say
from conv4rec.cli.tables import Table, figure
from conv4rec.evaluate.event_protocol import NEW
from conv4rec.evaluate.provenance import Record

MEANINGS = {
    "rmse": ("↓", "error of the expected rating, root mean square"),
    "mae": ("↓", "error of the median rating, mean absolute"),
    "nll": ("↓", "-log P(rating given), in nats"),
    "rps": ("↓", "error of the probabilities of all ratings"),
    "ece": ("↓", "calibration error of P(like)"),
    "auc_like": ("↑", "liked items ranked above others by P(like)"),
    "nll_joint": ("↓", "-log P(item and its rating), in nats"),
    "recall@20": ("↑", "hits in top 20 / min(20, held-out)"),
    "ndcg@20": ("↑", "the same, early places counting more"),
    "recall@50": ("↑", "hits in top 50 / min(50, held-out)"),
    "ndcg@100": ("↑", "as ndcg@20, in the top 100"),
    "ndcg_like@20": ("↑", "ndcg@20 of the liked items alone"),
    "hr@10": ("↑", "users whose held-out item is in the top 10"),
    "recall@10": ("↑", "hits in top 10 / min(10, held-out)"),
    "ndcg@10": ("↑", "the same, early places counting more"),
    "nll_type": ("↓", "-log P(type, given the item), in nats"),
}
"""The better direction and the meaning of every metric."""
RECALL = "recall@k: hits in the top k / min(k, held-out items)."
"""So it may be smaller at a larger k."""


def show_metrics(
    columns: Mapping[str, Mapping[str, float | None]], names: Sequence[str] | None = None
) -> None:
    """Print metrics, one line each with its meaning, one column a model."""
    table = Table(["metric", *columns, "meaning"], ("metric", "meaning"), elastic="meaning")
    for name in names or next(iter(columns.values())):
        arrow, meaning = _meaning(name)
        values = [figure(metrics.get(name), 4) for metrics in columns.values()]
        table.add(f"{name} {arrow}", *values, meaning)
    table.show()


def show_by_type(metrics: Mapping[str, float | None]) -> None:
    """Print the metrics of a log with several target types: one line a type."""
    ranked = [name.split("/", 1) for name in metrics if "/" in name]
    names = list(dict.fromkeys(name for name, _ in ranked))
    table = Table(["type", *(f"{name} ↑" for name in names)], ("type",))
    for target in dict.fromkeys(target for _, target in ranked):
        table.add(target, *(figure(metrics.get(f"{name}/{target}"), 4) for name in names))
    table.show()
    say(f"{NEW}: of items that the user had no event with before.")
    if any("recall@" in name for name in names):
        say(RECALL)
    loss = metrics.get("nll_type")
    if loss is not None:
        say(f"nll_type {loss:.4f} ↓: {MEANINGS['nll_type'][1]}.")


def _meaning(name: str) -> tuple[str, str]:
    """Direction and meaning of a metric, also of new pairs."""
    arrow, meaning = MEANINGS.get(name.removeprefix(NEW), ("", ""))
    return arrow, meaning + (" (items without an event before)" if name.startswith(NEW) else "")


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
    threshold = record.like_threshold
    say(
        f"{record.model} on {record.dataset}, seed {record.seed}: {sizes['train']:,} training "
        f"{'events' if threshold is None else 'interactions'}, {sizes['test']:,} in the test"
        + ("" if threshold is None else f"; liked from {threshold:g} up")
    )
    if any("/" in name for name in record.metrics):
        show_by_type(record.metrics)
    else:
        show_metrics({record.model: record.metrics})
    parameters = "" if record.n_parameters is None else f", {record.n_parameters:,} parameters"
    memory = "" if record.peak_rss_mb is None else f", {record.peak_rss_mb:,.0f} MB at most"
    say(f"fit {record.fit_s:.1f} s, evaluation {record.evaluate_s:.1f} s{memory}{parameters}")
