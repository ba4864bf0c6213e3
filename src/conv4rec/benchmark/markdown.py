"""Rows of a bench as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from conv4rec.benchmark.candidates import OURS
from conv4rec.benchmark.summary import Row, by_target, datasets, rows_of, shares
from conv4rec.evaluate.uncertainty import Difference

NO_RECORDS = "No records yet: `conv4rec bench` makes them."


def quality_table(rows: Iterable[Row]) -> str:
    """Quality of both tasks, differences to ours, and costs: one line a model."""
    header = [
        *("model", "NDCG@20", f"− {OURS}", "recall@20", "RMSE", f"− {OURS}", "NLL", f"− {OURS}"),
        *("RPS", "ECE", "fit s", "score s", "MB"),
    ]
    lines = []
    for row in rows:
        marks = ("*" if row.is_tuned else "") + ("~" if row.is_gaussian else "")
        costs = [row.cost(name) for name in ("fit_s", "score_s", "peak_rss_mb")]
        lines.append(
            [
                f"{row.model}{' ' if marks else ''}{marks.replace('*', chr(92) + '*')}",
                value(row, "ndcg@20"),
                difference(row, "ndcg@20"),
                value(row, "recall@20"),
                value(row, "rmse"),
                difference(row, "rmse"),
                value(row, "nll"),
                difference(row, "nll"),
                value(row, "rps"),
                value(row, "ece"),
                *["" if cost is None else f"{cost:,.{digits}f}"
                  for cost, digits in zip(costs, (1, 2, 0), strict=True)],
            ]
        )  # fmt: skip
    return table(header, lines)


def type_tables(rows: list[Row]) -> str:
    """Of a log with types, a table for each target type; nothing for other logs."""
    parts = []
    for target, names in by_target(rows).items():
        header = ["model", *names, f"ndcg@10 − {OURS}", "fit s", "MB"]
        lines = [
            [
                row.model,
                *(value(row, name) for name in names.values()),
                difference(row, names["ndcg@10"]) if "ndcg@10" in names else "",
                *(f"{row.cost(name) or 0:,.0f}" for name in ("fit_s", "peak_rss_mb")),
            ]
            for row in rows
        ]
        parts += [f"Next {target}:"] * bool(target) + [table(header, lines)]
    return "\n\n".join(parts)


def label_table(records: list[dict[str, Any]], dataset: str) -> str:
    """RMSE and NLL of the models that rate, by the share of labels that is dropped."""
    dropped = shares(records, dataset)
    found = {
        share: {row.model: row for row in rows_of(records, dataset, share)} for share in dropped
    }
    models = dict.fromkeys(m for rows in found.values() for m in rows if rows[m].metric("rmse"))
    header = ["RMSE / NLL, labels dropped", *[f"{share:.0%}" for share in dropped]]
    lines = []
    for model in models:
        rows = [found[share].get(model) for share in dropped]
        cells = [f"{value(row, 'rmse', 3)} / {value(row, 'nll', 3)}" if row else "" for row in rows]
        lines.append([model, *cells])
    return table(header, lines)


def summary_table(records: list[dict[str, Any]]) -> str:
    """For each split and task, our figures beside those of the best other model."""
    header = ["split", "figure", OURS, "best other", "its figure", f"− {OURS}"]
    lines = []
    for dataset in datasets(records):
        rows = rows_of(records, dataset, shares(records, dataset)[0])
        if rows[0].model != OURS:
            continue
        for metric, name in (("ndcg@20", "NDCG@20"), ("rmse", "RMSE"), ("nll", "NLL")):
            cells = [f"`{dataset}`", name, value(rows[0], metric)]
            best = _best(rows[1:], metric)
            if best is not None:
                cells += [best.model, value(best, metric), difference(best, metric)]
            lines.append(cells + [""] * (len(header) - len(cells)))
    return table(header, lines) if lines else NO_RECORDS


def table(header: list[str], lines: list[list[str]]) -> str:
    """A Markdown table; numbers are set right but in the first column."""
    rows = [header, ["---", *["---:"] * (len(header) - 1)], *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def value(row: Row, name: str, digits: int = 4) -> str:
    """A metric with its spread over seeds; nothing if there is none."""
    if row.is_infinite(name):
        return "∞"
    found = row.metric(name)
    if found is None:
        return ""
    spread = f" ± {found.spread:.{digits}f}" if found.n > 1 else ""
    return f"{found.mean:.{digits}f}{spread}"


def difference(row: Row, name: str) -> str:
    """The paired difference to ours with its interval; nothing if there is none."""
    found: Difference | None = row.difference(name)
    if found is None:
        return ""
    return f"{found.mean:+.4f} [{found.low:+.4f}, {found.high:+.4f}]".replace("-", "−")


def _best(rows: Iterable[Row], metric: str) -> Row | None:
    """The row with the best mean of a metric."""
    found = [(row.metric(metric), row) for row in rows]
    known = [(spread.mean, number) for number, (spread, _) in enumerate(found) if spread]
    if not known:
        return None
    return found[(max if metric == "ndcg@20" else min)(known)[1]][1]
