"""Other models whose lists are measured beside those of one model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from conv4rec.benchmark.adapters.candidate import Candidate
from conv4rec.benchmark.candidates import candidates
from conv4rec.benchmark.records import runs
from conv4rec.data import Split
from conv4rec.errors import SettingError
from conv4rec.evaluate import Scorer
from conv4rec.evaluate.lists import NEUTRAL


def opponents(words: str | None, model: str, split: Split) -> list[Candidate]:
    """The candidates of `--against a,b,c`.

    Raises:
        SettingError: There is no such candidate, it is not installed, or it cannot serve the users
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
            raise SettingError(f"--against: {name} cannot serve new users without training again")
        found.append(known[name])
    return found


def fit_each(
    chosen: Sequence[Candidate], split: Split, seed: int, say: Callable[[str], object]
) -> Iterator[tuple[str, Scorer]]:
    """Name and model of each candidate, fitted with its defaults when it is asked for."""
    for candidate in chosen:
        fitted = candidate.make(**candidate.defaults).fit(split.train, seed=seed)
        say(f"{candidate.name}: fitted")
        yield candidate.name, fitted


def recorded_lists(records: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The lists of a bench's runs, as `evaluate.lists_record` gives them; None if there are none.

    Of each model the first run counts. Each ran in a process of its own, so that popularity among
    equally active users says which items are likely to be consumed.
    """
    found: dict[str, Any] = {}
    for run in runs(records):
        if "lists" in run:
            found.setdefault(run["model"], run["lists"])
    return {"picks_by": NEUTRAL, "models": found, "differences": {}} if found else None
