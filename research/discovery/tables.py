"""Tables of the discovery page as Markdown, from its records alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from conv4rec.benchmark.markdown import table
from conv4rec.evaluate import spread_over_seeds

Record = dict[str, Any]
COLUMNS = {
    "lift@1": "lift@1 ↑",
    "lift@3": "lift@3 ↑",
    "discovery_precision@3": "precision@3 ↑",
    "base": "base",
    "auc_like": "AUC ↑",
    "ece_low": "ECE low ↓",
    "mse": "MSE ↓",
    "shifted": "shifted",
    "ndcg_like@5": "NDCG@5 ↑",
}
"""The figures shown, and which way is better."""
LISTED_COLUMNS = {
    "listed_precision@3": "liked ↑",
    "listed_p_like": "predicted",
    "listed_lift@3": "times the base ↑",
    "listed_base": "base",
    "n_listed": "discoveries",
    "n_listed_users": "users",
}
OLD_NAMES = {
    "discovery_precision@3": "gems@3",
    "listed_precision@3": "finds@3",
    "listed_p_like": "finds_promised",
    "listed_lift@3": "finds_lift@3",
    "listed_base": "finds_base",
    "n_listed": "n_finds",
    "n_listed_users": "finders",
    "random": "chance",
    "share_above_random": "share_above_chance",
    "propensity_validation": "propensity_check",
}
"""Names of figures and settings in the committed records, where they differ."""
COUNTS = ("n_listed", "n_listed_users")
FAR_COLUMNS = {
    "auc_far@500": "AUC outside the 500 likeliest ↑",
    "auc_like": "AUC of all ↑",
    "mse": "MSE ↓",
}
WORLD_COLUMNS = {
    "share": "share of best ↑",
    "ideal_share": "of ideal learner",
    "share_of_ideal": "share of ideal ↑",
    "share_in_half": "share in its half ↑",
    "share_above_random": "share above random ↑",
    "listed": "true P(like)",
    "random": "of random list",
    "best": "of best list",
}


def label(run: Record) -> str:
    """A model with what was set by hand, if anything differs from its defaults."""
    changed = run.get("changed") or {}
    new_names = {old: new for new, old in OLD_NAMES.items()}
    words = ", ".join(f"{new_names.get(name, name)} {value}" for name, value in changed.items())
    return run["model"] + (f" ({words})" if words else "")


def means(runs: Iterable[Record], names: Iterable[str], key: Any) -> dict[str, dict[str, str]]:
    """Means over seeds of some figures by group of runs, with the standard deviation of a seed.

    Of each seed the newest run counts.
    """
    groups: dict[str, dict[int, Record]] = {}
    for run in runs:
        if run["kind"] == "run":
            groups.setdefault(key(run), {})[run["seed"]] = run
    return {
        name: {
            figure: _mean(
                [run.get(figure, run.get(OLD_NAMES.get(figure, ""))) for run in found.values()],
                digits=0 if figure in COUNTS else 3,
            )
            for figure in names
        }
        for name, found in groups.items()
    }


def candidates(records: list[Record], columns: dict[str, str] = COLUMNS) -> str:
    """The table of models on one split, as Markdown."""
    rows = means(records, columns, label)
    lines = [[name, *figures.values()] for name, figures in rows.items()]
    return table(["model", *columns.values()], lines)


def by_decile(records: list[Record], model: str = "conv4rec") -> str:
    """Calibration and AUC by decile of P(consume), means over seeds; one table for each label."""
    parts = []
    groups: dict[str, list[Record]] = {}
    for run in records:
        if run["kind"] == "run" and run["model"] == model:
            groups.setdefault(label(run), []).append(run)
    for name, runs in groups.items():
        lines = []
        for decile in range(len(runs[0]["deciles"]["n"])):
            cells = [
                _mean([run["deciles"][column][decile] for run in runs], spread=False)
                for column in ("predicted", "observed", "auc")
            ]
            lines.append([str(decile + 1), *cells])
        head = ["decile", "mean P(like)", "share liked", "AUC of P(like)"]
        parts.append(f"{name}:\n\n{table(head, lines)}")
    return "\n\n".join(parts)


def differences(records: list[Record]) -> str:
    """Each other model minus ours, with its 95% interval over users."""
    newest = {(r["model"], r["metric"]): r for r in records if r["kind"] == "comparison"}
    lines = []
    for name in dict.fromkeys(model for model, _ in newest):
        found = [
            newest.get((name, metric), newest.get((name, OLD_NAMES[metric])))
            for metric in ("discovery_precision@3", "listed_precision@3")
        ]
        lines.append([name, *(_difference(record) for record in found)])
    return table(["model minus ours", "precision@3", "liked discoveries of a user"], lines)


def _difference(comparison: Record | None) -> str:
    if comparison is None:
        return "-"
    found = comparison["difference"]
    return f"{found['mean']:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}]"


def worlds(records: list[Record]) -> str:
    """The table of synthetic worlds."""
    rows = means(
        records,
        WORLD_COLUMNS,
        lambda run: f"{run['case']['name'].replace('people', 'users')}: {label(run)}",
    )
    lines = [[name, *figures.values()] for name, figures in rows.items()]
    return table(["world", *WORLD_COLUMNS.values()], lines)


def fill(text: str, by_name: dict[str, list[Record]]) -> str:
    """A page with its tables between `<!-- NAME -->` and `<!-- end NAME -->`."""
    exposed = by_name.get("coat-mar", [])
    made = {
        "candidates": candidates(exposed),
        "listed": candidates(exposed, LISTED_COLUMNS),
        "deciles": by_decile(exposed),
        "differences": differences(exposed),
        "far": candidates(by_name.get("ml-1m-time", []), FAR_COLUMNS),
        "worlds": worlds(by_name.get("worlds", [])),
    }
    for name, part in made.items():
        text = re.sub(
            rf"<!-- {name} -->.*?<!-- end {name} -->",
            lambda _, name=name, part=part: f"<!-- {name} -->\n{part}\n<!-- end {name} -->",
            text,
            flags=re.DOTALL,
        )
    return text


def _mean(values: list[float | None], spread: bool = True, digits: int = 3) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    found = spread_over_seeds(known)
    shown = f" ±{found.spread:.{digits}f}" if spread and found.n > 1 else ""
    return f"{found.mean:.{digits}f}{shown}"
