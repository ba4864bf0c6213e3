"""Our model and other candidates on ratings of items exposed at random, with provenance."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl

from conv4rec.benchmark.adapters.candidate import Candidate
from conv4rec.benchmark.candidates import OURS
from conv4rec.data import Split
from conv4rec.errors import Conv4RecError
from conv4rec.evaluate import paired_bootstrap
from conv4rec.evaluate.provenance import commit, machine, versions
from conv4rec.evaluate.scorer import FloatArray
from research.discovery.candidates import rating_candidates
from research.discovery.exposed_pairs import (
    ExposedPairs,
    ListedPairs,
    exposed_pairs,
    predictions_for,
)
from research.discovery.metrics import Discovery, measure_discovery

Say = Callable[[str], object]
Record = dict[str, Any]


@dataclass(frozen=True)
class Configuration:
    """Which models are evaluated on which split."""

    split: Split
    models: tuple[str, ...]
    """Names of candidates; ours is always evaluated, because its P(consume) defines the pairs."""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    settings: dict[str, Any] = field(default_factory=dict)
    """Of our model."""

    def settings_of(self, candidate: Candidate) -> dict[str, Any]:
        """The settings of a candidate: its defaults, and those given for our model."""
        given = self.settings if candidate.name == OURS else {}
        return {**candidate.defaults, **given}


def evaluate(configuration: Configuration, say: Say) -> Iterator[Record]:
    """One record for each model and seed, then the difference of each model to ours.

    With each seed our model is fitted first: its P(consume) says which pairs are unlikely. The
    other candidates are measured on the same pairs.

    Args:
        configuration: Models and split.
        say: Called with one sentence whenever a model is done.

    Raises:
        Conv4RecError: Our own model fails.
    """
    found: dict[str, list[Discovery]] = {}
    known = rating_candidates()
    for seed in configuration.seeds:
        pairs: tuple[ExposedPairs, ListedPairs] | None = None
        for name in dict.fromkeys([OURS, *configuration.models]):
            candidate = known[name]
            head = {"dataset": configuration.split.name, "model": name, "seed": seed}
            if not candidate.is_installed():
                yield {"kind": "absent", **head, "reason": candidate.how_to_install()}
                continue
            try:
                figures, pairs, facts = _one_model(configuration, candidate, seed, pairs)
            except Conv4RecError as error:
                if name == OURS:
                    raise
                yield {"kind": "failure", **head, "reason": str(error)}
                continue
            found.setdefault(name, []).append(figures)
            say(f"{name} seed {seed}: {_headline(figures)}")
            yield {"kind": "run", **head, **facts}
    yield from comparisons(configuration.split.name, found)


def _one_model(
    configuration: Configuration,
    candidate: Candidate,
    seed: int,
    pairs: tuple[ExposedPairs, ListedPairs] | None,
) -> tuple[Discovery, tuple[ExposedPairs, ListedPairs], Record]:
    """Fit and measure one model; without `pairs` it is ours, which defines them."""
    split, settings = configuration.split, configuration.settings_of(candidate)
    started = time.perf_counter()
    model = candidate.make(**settings).fit(split.train, seed=seed)
    fit_s = time.perf_counter() - started
    if pairs is None:
        exposed = exposed_pairs(model, split)
        pairs = exposed, listed_pairs(model, split, exposed)
    exposed, listed = pairs
    predictions = predictions_for(model, split, exposed)
    if candidate.name == OURS:
        scores = list_scores(model, split, exposed, novelty=0, min_p_like=0)
        predictions = replace(predictions, scores=scores)
    levels = split.train.levels
    figures = measure_discovery(exposed, predictions, levels.values, levels.like_level(), listed)
    changed = configuration.settings if candidate.name == OURS else {}
    facts = _provenance(model, figures, settings, fit_s, exposed)
    return figures, pairs, {"changed": changed, **facts}


def listed_pairs(model: Any, split: Split, exposed: ExposedPairs) -> ListedPairs:
    """Which pairs are below the median of P(consume), and which of these the lists hold."""
    ranked = (
        list_scores(model, split, exposed, novelty="median", min_p_like=least) for least in (0, 0.5)
    )
    return ListedPairs(*(np.isfinite(scores) for scores in ranked))


def list_scores(scorer: Any, split: Split, exposed: ExposedPairs, **options: Any) -> FloatArray:
    """What `recommend(by="discover")` ranks by, for each pair; -inf for pairs it does not list.

    Args:
        scorer: Of our model, fitted.
        split: What it was fitted on.
        exposed: The pairs.
        options: Of `recommend`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lists of all items are always shorter than asked for
        users = split.given.users.ids(np.unique(exposed.users)).to_list()
        every = {"k": split.train.n_items, "by": "discover", "limit_exposure": False}
        blocks = scorer.model.recommend_blocks(users, **every, **options)
        frame = pl.concat([block.select("user_id", "item_id", "score") for block in blocks])
    rows = split.given.users.numbers(frame["user_id"])
    cells = rows * split.train.n_items + split.train.items.numbers(frame["item_id"])
    order = np.argsort(cells)
    wanted = exposed.users * split.train.n_items + exposed.items
    at = np.minimum(np.searchsorted(cells[order], wanted), len(cells) - 1)
    is_listed = cells[order][at] == wanted
    return np.where(is_listed, frame["score"].to_numpy()[order][at], -np.inf)


def comparisons(dataset: str, found: dict[str, list[Discovery]]) -> Iterator[Record]:
    """Differences to our model, user by user, with a bootstrap interval over users.

    Each user has the mean over seeds. The users with unlikely pairs differ between seeds: those
    that have some with every seed are compared.
    """
    for name, theirs in found.items():
        if name == OURS or len(theirs) != len(found[OURS]):
            continue
        for metric in ("discovery_precision@3", "listed_precision@3"):
            sides = [[_by_user(seed, metric) for seed in seeds] for seeds in (theirs, found[OURS])]
            users = sorted(set.intersection(*(set(seed) for side in sides for seed in side)))
            if users:
                means = [
                    np.array([np.mean([seed[user] for seed in side]) for user in users])
                    for side in sides
                ]
                yield {
                    "kind": "comparison",
                    "dataset": dataset,
                    "model": name,
                    "metric": metric,
                    "difference": asdict(paired_bootstrap(*means)),
                }


def _by_user(figures: Discovery, metric: str) -> dict[int, float]:
    return dict(zip(figures.users.tolist(), figures.per_user[metric].tolist(), strict=True))


def _provenance(
    model: Any, figures: Discovery, settings: Any, fit_s: float, exposed: ExposedPairs
) -> Record:
    facts = {name: _round(value) for name, value in figures.metrics.items()}
    table = {name: [_round(v) for v in values] for name, values in figures.deciles.items()}
    return {
        **facts,
        "deciles": table,
        "n_pairs": len(exposed.users),
        "n_unlikely": int(exposed.is_unlikely.sum()),
        "fit_s": round(fit_s, 2),
        "settings": dict(settings),
        "config": getattr(model, "config_", None) or _learned_numbers(model),
        "versions": versions(),
        "machine": machine(),
        "commit": commit(),
    }


def _learned_numbers(model: Any) -> dict[str, float]:
    """The single numbers that another candidate chose on validation rows."""
    learned = {name: value for name, value in vars(model).items() if name.endswith("_")}
    return {name: v for name, v in learned.items() if isinstance(v, (int, float))}


def _round(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 5)


def _headline(figures: Discovery) -> str:
    names = ("lift@3", "listed_lift@3", "auc_like", "ece_low", "mse")
    return ", ".join(
        f"{name} {value:.3f}" for name in names if (value := figures.metrics[name]) is not None
    )
