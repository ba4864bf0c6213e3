"""The page of discovery: tables from its records alone, for the screen and for Markdown."""

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
    "discovery_precision@3": "gems@3 ↑",
    "base": "base",
    "auc_like": "AUC ↑",
    "ece_low": "ECE low ↓",
    "mse": "MSE ↓",
    "shifted": "shifted",
    "ndcg_like@5": "NDCG@5 ↑",
}
"""The figures shown, and which way is better."""
FIND_COLUMNS = {
    "listed_precision@3": "finds liked ↑",
    "listed_p_like": "promised",
    "listed_lift@3": "times the base ↑",
    "listed_base": "base",
    "n_listed": "finds",
    "n_listed_users": "people",
}
OLD_NAMES = {
    "discovery_precision@3": "gems@3",
    "listed_precision@3": "finds@3",
    "listed_p_like": "finds_promised",
    "listed_lift@3": "finds_lift@3",
    "listed_base": "finds_base",
    "n_listed": "n_finds",
    "n_listed_users": "finders",
}
"""What older records call a figure."""
COUNTS = ("n_listed", "n_listed_users")
FAR_COLUMNS = {
    "auc_far@500": "AUC outside the 500 likeliest picks ↑",
    "auc_like": "AUC of all ↑",
    "mse": "MSE ↓",
}
WORLD_COLUMNS = {
    "share": "of the best ↑",
    "ideal_share": "an ideal learner's",
    "share_of_ideal": "of the ideal learner's ↑",
    "share_in_half": "of the best in its half ↑",
    "share_above_chance": "above chance ↑",
    "listed": "true P(like)",
    "chance": "by chance",
    "best": "at best",
}


def label(run: Record) -> str:
    """A model with what was set by hand, if anything differs from its defaults."""
    changed = run.get("changed") or {}
    words = ", ".join(f"{name} {value}" for name, value in changed.items())
    return run["model"] + (f" ({words})" if words else "")


def means(runs: Iterable[Record], names: Iterable[str], key: Any) -> dict[str, dict[str, str]]:
    """For each group of runs, the mean over seeds of some figures, with the spread of one seed.

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


def judged(records: list[Record], columns: dict[str, str] = COLUMNS) -> str:
    """The table of models on one split, as Markdown."""
    rows = means(records, columns, label)
    lines = [[name, *figures.values()] for name, figures in rows.items()]
    return table(["model", *columns.values()], lines)


def by_decile(records: list[Record], model: str = "conv4rec") -> str:
    """Calibration and AUC by tenth of P(consume), mean over seeds: Markdown, a table a label."""
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
        head = ["tenth", "P(like) promised", "share liked", "AUC of P(like)"]
        parts.append(f"By {name}:\n\n{table(head, lines)}")
    return "\n\n".join(parts)


def differences(records: list[Record]) -> str:
    """Each rival minus ours, with its 95% interval over users: Markdown."""
    newest = {(r["model"], r["metric"]): r for r in records if r["kind"] == "comparison"}
    lines = []
    for name in dict.fromkeys(model for model, _ in newest):
        found = [
            newest.get((name, metric), newest.get((name, OLD_NAMES[metric])))
            for metric in ("discovery_precision@3", "listed_precision@3")
        ]
        lines.append([name, *(_difference(record) for record in found)])
    return table(["model", "gems@3, theirs minus ours", "liked finds a person, likewise"], lines)


def _difference(comparison: Record | None) -> str:
    if comparison is None:
        return "-"
    found = comparison["difference"]
    return f"{found['mean']:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}]"


def worlds(records: list[Record]) -> str:
    """The table of made-up worlds: Markdown."""
    rows = means(records, WORLD_COLUMNS, lambda run: f"{run['case']['name']}: {label(run)}")
    lines = [[name, *figures.values()] for name, figures in rows.items()]
    return table(["world", *WORLD_COLUMNS.values()], lines)


def fill(text: str, by_name: dict[str, list[Record]]) -> str:
    """A page with its tables between `<!-- NAME -->` and `<!-- end NAME -->`."""
    shown = by_name.get("coat-mar", [])
    made = {
        "judged": judged(shown),
        "finds": judged(shown, FIND_COLUMNS),
        "deciles": by_decile(shown),
        "differences": differences(shown),
        "far": judged(by_name.get("ml-1m-time", []), FAR_COLUMNS),
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
