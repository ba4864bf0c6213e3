"""Our model and its rivals on ratings of items shown at random, with receipts."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import polars as pl

from conv4rec.benchmark.adapters import ADAPTERS
from conv4rec.benchmark.adapters.candidate import Candidate
from conv4rec.benchmark.candidates import OURS, OWN_CANDIDATES
from conv4rec.data import Split
from conv4rec.errors import Conv4RecError, SettingError
from conv4rec.evaluate import paired_bootstrap
from conv4rec.evaluate.provenance import commit, machine, versions
from conv4rec.evaluate.scorer import FloatArray
from research.discovery.exposed_pairs import (
    ExposedPairs,
    ListedPairs,
    Predictions,
    exposed_pairs,
    predictions_for,
)
from research.discovery.matrix_factorisation import CANDIDATES
from research.discovery.metrics import Discovery, measure_discovery

Say = Callable[[str], object]


@dataclass(frozen=True)
class Hearing:
    """Who is judged on what."""

    split: Split
    models: tuple[str, ...]
    """Names of rivals; ours is always there, because it says what is hardly picked."""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    settings: dict[str, Any] = field(default_factory=dict)
    """Of our model."""


def judges() -> dict[str, Candidate]:
    """Everyone who rates, by name: ours, the means, the peers of the bench, and three of our own.

    >>> [name for name in judges() if name.startswith("mf")]
    ['mf', 'mf-ips', 'mf-dr']
    """
    known = {
        **OWN_CANDIDATES,
        **ADAPTERS,
        **{candidate.name: candidate for candidate in CANDIDATES},
    }
    return {name: candidate for name, candidate in known.items() if "rate" in candidate.tasks}


def chosen(words: str) -> tuple[str, ...]:
    """The rivals meant by "all" or "a,b,c"; of all, those that are installed, ours first.

    Raises:
        SettingError: There is no such rival.
    """
    known = judges()
    if words == "all":
        return tuple(name for name, candidate in known.items() if candidate.is_installed())
    names = [word.strip() for word in words.split(",")]
    if unknown := [name for name in names if name not in known]:
        raise SettingError(f"--models: there is no {unknown[0]!r}; there are {', '.join(known)}")
    return tuple(dict.fromkeys([OURS, *names]))


def judge(hearing: Hearing, say: Say) -> Iterator[dict[str, Any]]:
    """One line a model and seed, then each rival against ours, user by user.

    With each seed our model is fitted first. The rivals answer for the very same pairs, and their
    gems are taken from the half that OUR model calls unlikely.

    Args:
        hearing: Who, on what.
        say: Told one sentence whenever a model is done.

    Raises:
        Conv4RecError: Our own model fails.
    """
    split, known = hearing.split, judges()
    found: dict[str, list[Discovery]] = {}
    for seed in hearing.seeds:
        shown: ExposedPairs | None = None
        listed: ListedPairs | None = None
        for name in dict.fromkeys([OURS, *hearing.models]):
            candidate = known[name]
            settings = (
                {**candidate.defaults, **hearing.settings} if name == OURS else candidate.defaults
            )
            head = {"dataset": split.name, "model": name, "seed": seed}
            if not candidate.is_installed():
                yield {"kind": "absent", **head, "reason": candidate.how_to_install()}
                continue
            started = time.perf_counter()
            try:
                model = candidate.make(**settings).fit(split.train, seed=seed)
                fit_s = time.perf_counter() - started
                if shown is None:
                    shown = exposed_pairs(model, split)
                answers = predictions_for(model, split, shown)
            except Conv4RecError as error:
                if name == OURS:
                    raise
                yield {"kind": "failure", **head, "reason": str(error)}
                continue
            if name == OURS:
                scores = list_scores(model, split, shown, novelty=0, min_p_like=0)
                answers = Predictions(answers.expected, answers.probabilities, scores)
                listed = listed_pairs(model, split, shown)
            levels = split.train.levels
            figures = measure_discovery(shown, answers, levels.values, levels.like_level(), listed)
            found.setdefault(name, []).append(figures)
            say(f"{name} seed {seed}: {_headline(figures)}")
            changed = hearing.settings if name == OURS else {}
            receipt = _receipt(model, figures, settings, fit_s, shown)
            yield {"kind": "run", **head, "changed": changed, **receipt}
    yield from _comparisons(split.name, found)


def listed_pairs(model: Any, split: Split, shown: ExposedPairs) -> ListedPairs:
    """Of finds below the median: which pairs they hold if likelier liked than not, and anyhow."""
    ranked = (
        list_scores(model, split, shown, novelty="median", min_p_like=least) for least in (0, 0.5)
    )
    return ListedPairs(*(np.isfinite(scores) for scores in ranked))


def list_scores(model: Any, split: Split, shown: ExposedPairs, **options: Any) -> FloatArray:
    """What `recommend(by="discover")` ranks by, for each pair; -inf for what it would not list.

    Args:
        model: ours, fitted.
        split: what it was given.
        shown: the pairs.
        options: of `recommend`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lists of everything are always shorter than asked for
        asked = split.given.users.ids(np.unique(shown.users)).to_list()
        asked_for = {"k": split.train.n_items, "by": "discover", "limit_exposure": False}
        blocks = model.recommend_blocks(asked, **asked_for, **options)
        frame = pl.concat([block.select("user_id", "item_id", "score") for block in blocks])
    rows = split.given.users.numbers(frame["user_id"])
    cells = rows * split.train.n_items + split.train.items.numbers(frame["item_id"])
    order = np.argsort(cells)
    wanted = shown.users * split.train.n_items + shown.items
    at = np.minimum(np.searchsorted(cells[order], wanted), len(cells) - 1)
    is_listed = cells[order][at] == wanted
    return np.where(is_listed, frame["score"].to_numpy()[order][at], -np.inf)


def _comparisons(dataset: str, found: dict[str, list[Discovery]]) -> Iterator[dict[str, Any]]:
    """discovery_precision@3, and the number of liked finds a person, theirs minus ours.

    A user counts with the mean over seeds. Who has gems differs with the seed: those who have
    some under every seed are compared.
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


def _receipt(
    model: Any, figures: Discovery, settings: Any, fit_s: float, shown: ExposedPairs
) -> dict[str, Any]:
    facts = {name: _round(value) for name, value in figures.metrics.items()}
    table = {name: [_round(v) for v in values] for name, values in figures.deciles.items()}
    return {
        **facts,
        "deciles": table,
        "n_pairs": len(shown.users),
        "n_gems": int(shown.is_unlikely.sum()),
        "fit_s": round(fit_s, 2),
        "settings": dict(settings),
        "config": getattr(model, "config_", None) or _chosen_numbers(model),
        "versions": versions(),
        "machine": machine(),
        "commit": commit(),
    }


def _chosen_numbers(model: Any) -> dict[str, float]:
    """The single numbers that a rival chose on validation."""
    learned = {name: value for name, value in vars(model).items() if name.endswith("_")}
    return {name: v for name, v in learned.items() if isinstance(v, (int, float))}


def _round(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 5)


def _headline(figures: Discovery) -> str:
    names = ("lift@3", "listed_lift@3", "auc_like", "ece_low", "mse")
    return ", ".join(
        f"{name} {value:.3f}" for name in names if (value := figures.metrics[name]) is not None
    )
