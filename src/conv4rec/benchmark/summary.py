"""The records of a split as rows, one for each model, for every table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from conv4rec.benchmark.candidates import OURS
from conv4rec.benchmark.records import runs
from conv4rec.evaluate import spread_over_seeds
from conv4rec.evaluate.uncertainty import Difference, Spread


@dataclass(frozen=True)
class Row:
    """A model on a split: means over its seeds."""

    model: str
    runs: list[dict[str, Any]]
    comparison: dict[str, Any] | None
    """Against ours; None for ours itself, or if the users' figures were not there."""

    @property
    def is_tuned(self) -> bool:
        """Whether its settings were chosen by `--tune`."""
        return bool(self.runs[0]["tuned"])

    @property
    def is_gaussian(self) -> bool:
        """Whether its probabilities are a Gaussian's around its prediction."""
        return self.runs[0]["distribution"] == "gaussian"

    @property
    def seeds(self) -> list[int]:
        """The seeds behind the row."""
        return [run["seed"] for run in self.runs]

    def metric(self, name: str) -> Spread | None:
        """Mean and spread over the seeds; None if there is no such figure, or it is infinite."""
        values = [run.get(name) for run in self.runs]
        known = [value for value in values if value is not None]
        return spread_over_seeds(known) if known and len(known) == len(values) else None

    def is_infinite(self, name: str) -> bool:
        """Whether the metric is infinite for a seed: an outcome had probability 0."""
        return any(name in run.get("infinite", ()) for run in self.runs)

    def difference(self, name: str) -> Difference | None:
        """To ours, theirs minus ours."""
        found = (self.comparison or {}).get("differences", {}).get(name)
        return found and Difference(
            found["mean"], found["low"], found["high"], 0.95, found["n_users"]
        )

    def cost(self, name: str) -> float | None:
        """Mean of seconds; of memory, the highest."""
        values = [run[name] for run in self.runs if run.get(name) is not None]
        if not values:
            return None
        return float(max(values) if name == "peak_rss_mb" else np.mean(values))


def rows_of(records: list[dict[str, Any]], dataset: str, drop_labels: float = 0.0) -> list[Row]:
    """One row a model: ours, then those that rank by NDCG@20, then the others by RMSE.

    See `newest_runs` for which runs count.
    """
    here = [record for record in records if _is_of(record, dataset, drop_labels)]
    chosen = newest_runs(here)
    ours = chosen.get(OURS)
    rows = [
        Row(model, found, None if model == OURS or not ours else _comparison(here, found, ours))
        for model, found in chosen.items()
    ]
    return sorted(rows, key=_place)


def newest_runs(records: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The runs that count, by model and in order of seeds.

    The newest run decides whether a model is shown as tuned; of each seed the newest such run
    counts.
    """
    newest: dict[str, dict[tuple[bool, int], dict[str, Any]]] = {}
    shown: dict[str, bool] = {}
    for run in runs(records):
        shown[run["model"]] = bool(run["tuned"])
        newest.setdefault(run["model"], {})[bool(run["tuned"]), run["seed"]] = run
    return {
        model: [found[key] for key in sorted(found) if key[0] == shown[model]]
        for model, found in newest.items()
    }


def by_target(rows: list[Row]) -> dict[str, dict[str, str]]:
    """Of each target type of a log with types, its metrics: name without the type -> name.

    The type is "" where there is one alone. Without types there is nothing.

    >>> run = {"targets": ["buy", "view"], "hr@10/buy": 0.5, "hr@10/view": 0.25, "nll_type": 0.6}
    >>> by_target([Row("ours", [run], None)])["buy"]
    {'hr@10': 'hr@10/buy', 'nll_type': 'nll_type'}
    """
    run = rows[0].runs[0]
    targets = run.get("targets", [])
    found = {}
    for target in targets:
        ending = f"/{target}" if len(targets) > 1 else ""
        names = [name for name in run if "@" in name and name.endswith(ending)]
        names += ["nll_type"] if "nll_type" in run else []
        found[ending[1:]] = {name.removesuffix(ending): name for name in names}
    return found


def datasets(records: list[dict[str, Any]]) -> list[str]:
    """The splits with runs."""
    return sorted({run["dataset"] for run in runs(records)})


def shares(records: list[dict[str, Any]], dataset: str) -> list[float]:
    """The shares of labels dropped in the runs of a split, ascending."""
    return sorted({run["drop_labels"] for run in runs(records) if run["dataset"] == dataset})


def left_out(records: list[dict[str, Any]], dataset: str) -> list[str]:
    """A sentence for each model that should have figures and has none, by its newest record."""
    last: dict[tuple[Any, ...], dict[str, Any]] = {}
    for record in records:
        if record["dataset"] == dataset and record["kind"] != "comparison":
            last[record["model"], record.get("drop_labels", 0.0), record.get("seed")] = record
            if record["kind"] == "run":
                last.pop((record["model"], record.get("drop_labels", 0.0), None), None)
    return [sentence(record) for record in last.values() if record["kind"] in ("failure", "absent")]


def sentence(record: dict[str, Any]) -> str:
    """Why a model has no figures."""
    if record["kind"] == "absent":
        return f"{record['model']}: {record['reason']}"
    share = f", {record['drop_labels']:.0%} of labels dropped" if record["drop_labels"] else ""
    what = "while tuned" if record.get("while_tuned") else f"seed {record['seed']}"
    return f"{record['model']} ({what}{share}): {record['reason']}"


def _is_of(record: dict[str, Any], dataset: str, drop_labels: float) -> bool:
    return record["dataset"] == dataset and record.get("drop_labels", 0.0) == drop_labels


def _comparison(
    records: list[dict[str, Any]], theirs: list[dict[str, Any]], ours: list[dict[str, Any]]
) -> dict[str, Any] | None:
    wanted = (theirs[0]["model"], bool(theirs[0]["tuned"]), bool(ours[0]["tuned"]))
    found = [
        record
        for record in records
        if record["kind"] == "comparison"
        and (record["model"], record["is_tuned"], record["against_is_tuned"]) == wanted
    ]
    return found[-1] if found else None


def _place(row: Row) -> tuple[bool, bool, float]:
    ndcg, rmse = row.metric("ndcg@20") or row.metric("ndcg@10"), row.metric("rmse")
    value = -ndcg.mean if ndcg else rmse.mean if rmse else 0.0
    return row.model != OURS, ndcg is None, value
