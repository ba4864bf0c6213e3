"""The lists of one model beside those of rivals: the same people, the same pairs, one process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from conv4rec.benchmark.adapters.candidate import Candidate
from conv4rec.benchmark.candidates import candidates
from conv4rec.benchmark.records import runs
from conv4rec.data import Split
from conv4rec.errors import SettingError
from conv4rec.evaluate import Scorer, compare_lists, evaluate_lists
from conv4rec.evaluate.lists import NEUTRAL, differences_to_dict
from conv4rec.recommender import as_scorer


def opponents(words: str | None, model: str, split: Split) -> list[Candidate]:
    """Who is meant by `--against a,b,c`.

    Raises:
        SettingError: There is no such rival, it is not installed, or it cannot serve the people
            of the split.
    """
    known, found = candidates(), []
    for name in dict.fromkeys(word.strip() for word in words.split(",")) if words else ():
        if name not in known or name == model:
            others = ", ".join(other for other in known if other != model)
            raise SettingError(f"--against: there is no {name!r}; there are {others}")
        if not known[name].is_installed():
            raise SettingError(f"--against: {known[name].how_to_install()}")
        if split.given is not split.train and not known[name].folds_in:
            raise SettingError(f"--against: {name} cannot serve new people without training again")
        found.append(known[name])
    return found


def evaluate_candidate_lists(
    split: Split,
    name: str,
    model: Scorer,
    seed: int = 0,
    against: Sequence[Candidate] = (),
    say: Callable[[str], object] = lambda _: None,
) -> dict[str, Any]:
    """Measure the lists of a model, and of rivals fitted here; for a record.

    What is likely to be picked is told by the model for all of them, if it ranks; else by
    popularity among equally active people.

    Args:
        split: What to learn from and what to foretell.
        name: What the model is called.
        model: Fitted on `split.train`.
        seed: Of the rivals' random draws.
        against: Rivals to fit with their defaults.
        say: Told when one is done.

    Returns:
        "picks_by" (the model, or "neutral"), "models" (figures by name) and "differences" (each
        rival minus the model, by name; see `evaluate.compare_lists`).
    """
    model = as_scorer(model)
    ranks = model.rank_scores(split.given, np.flatnonzero(np.diff(split.test.starts))[:1])
    picks = None if ranks is None else model
    ours = evaluate_lists(model, split, picks=picks)
    found, differences = {name: ours.to_dict()}, {}
    for candidate in against:
        fitted = candidate.make(**candidate.defaults).fit(split.train, seed=seed)
        theirs = evaluate_lists(fitted, split, picks=picks)
        found[candidate.name] = theirs.to_dict()
        differences[candidate.name] = differences_to_dict(compare_lists(theirs, ours))
        say(f"{candidate.name}: fitted, its lists measured")
    picks_by = NEUTRAL if picks is None else name
    return {"picks_by": picks_by, "models": found, "differences": differences}


def recorded_lists(records: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """What runs of a bench say of lists, as `evaluate_candidate_lists` says it; None if they say nothing.

    Of each model the first run counts. Each ran in a process of its own, so that what is likely
    to be picked is told by popularity among equally active people.
    """
    found: dict[str, Any] = {}
    for run in runs(records):
        if "lists" in run:
            found.setdefault(run["model"], run["lists"])
    return {"picks_by": NEUTRAL, "models": found, "differences": {}} if found else None
