"""The table of a bench: two rows a model, its figures and its paired differences to ours."""

from __future__ import annotations

from typing import Any

from conv4rec.benchmark.candidates import OURS
from conv4rec.benchmark.records import runs
from conv4rec.benchmark.summary import Row, by_target, left_out, rows_of
from conv4rec.cli.console import say
from conv4rec.cli.metrics_output import RECALL
from conv4rec.cli.tables import Table, interval
from conv4rec.evaluate.event_protocol import NLL

COLUMNS = {"ndcg@20": "ndcg@20 ↑", "rmse": "rmse ↓", "nll": "nll ↓"}
COSTS = {"fit_s": "fit s", "score_s": "score", "peak_rss_mb": "GB"}
EVENT_COSTS = {name: label for name, label in COSTS.items() if name != "score_s"}
GAUSSIAN, TUNED = "~", "*"


def show_bench(records: list[dict[str, Any]], added: list[dict[str, Any]], dataset: str) -> None:
    """Print a table for each share of dropped labels, then the missing models and the marks.

    Args:
        records: All of the split.
        added: The lines of this bench: only its models are shown, and ours.
        dataset: Name of the split.
    """
    took_part = {run["model"] for run in runs(added)} | {OURS}
    for share in dict.fromkeys(run["drop_labels"] for run in runs(added)):
        rows = [row for row in rows_of(records, dataset, share) if row.model in took_part]
        sizes = rows[0].runs[0]["sizes"]
        dropped = f"; {share:.0%} of the labels dropped" if share else ""
        say(
            f"{dataset}: {sizes['train']:,} training interactions, {sizes['test']:,} in the "
            f"test{dropped}"
        )
        _show_rows(rows)
    for text in left_out(added, dataset):
        say(f"No figures: {text}")


def show_event_bench(
    records: list[dict[str, Any]], added: list[dict[str, Any]], dataset: str
) -> None:
    """Print a table for each target type of a log with types, then the missing models."""
    took_part = {run["model"] for run in runs(added)} | {OURS}
    rows = [row for row in rows_of(records, dataset) if row.model in took_part]
    sizes = rows[0].runs[0]["sizes"]
    say(f"{dataset}: {sizes['train']:,} training events, {sizes['test']:,} in the test")
    for target, names in by_target(rows).items():
        if target:
            say(f"Next {target}:")
        columns = {name: f"{label} {'↓' if label == NLL else '↑'}" for label, name in names.items()}
        _show_rows(rows, columns, EVENT_COSTS)
    say("new_: of items that the user had no event with before.")
    if any("recall@" in name for names in by_target(rows).values() for name in names.values()):
        say(RECALL)
    for text in left_out(added, dataset):
        say(f"No figures: {text}")


def _show_rows(
    rows: list[Row], columns: dict[str, str] = COLUMNS, costs: dict[str, str] = COSTS
) -> None:
    table = Table(["model", *columns.values(), *costs.values()], ("model",))
    for row in rows:
        marks = (TUNED if row.is_tuned else "") + (GAUSSIAN if row.is_gaussian else "")
        table.add(
            row.model + (f" {marks}" if marks else ""),
            *[_value(row, name) for name in columns],
            *[_cost(row, name) for name in costs],
        )
        differences = [row.difference(name) for name in columns]
        if any(differences):
            cells = [
                interval(each.mean, each.low, each.high) if each else "" for each in differences
            ]
            table.add(f"  − {OURS}", *cells, *[""] * len(costs))
    table.show()
    seeds = max(len(row.seeds) for row in rows)
    notes = [f"± standard deviation of one of {seeds} seeds"] if seeds > 1 else []
    if any(row.comparison for row in rows):
        notes.append(f"− {OURS}: paired difference with its 95% interval over users")
    if "score_s" in costs:
        notes.append("score: seconds for all items of all test users and all test ratings")
    if any(row.is_tuned for row in rows):
        notes.append(f"{TUNED} tuned settings")
    if any(row.is_gaussian for row in rows):
        notes.append(f"{GAUSSIAN} no distribution of its own: a Gaussian around its prediction")
    if notes:
        say("; ".join(notes) + ".")


def _value(row: Row, name: str) -> str:
    if row.is_infinite(name):
        return "∞"
    found = row.metric(name)
    if found is None:
        return "-"
    return f"{found.mean:.4f}" + (f" ±{found.spread:.4f}" if found.n > 1 else "")


def _cost(row: Row, name: str) -> str:
    value = row.cost(name)
    if value is None:
        return "-"
    if name == "peak_rss_mb":
        return f"{value / 1000:.2f}"
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:,.0f}"
