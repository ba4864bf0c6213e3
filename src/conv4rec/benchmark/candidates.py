"""The models that a bench can run: ours, the baselines, other libraries', and the user's own."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from conv4rec.baselines import EASE, Means, Popularity
from conv4rec.benchmark.adapters import ADAPTERS
from conv4rec.benchmark.adapters.candidate import Candidate, Choice, Range
from conv4rec.data import Interactions
from conv4rec.errors import SettingError

OURS = "conv4rec"
FIRST = ("popularity", "ease")
"""These run before all others: one can be counted by hand, the other is the one to beat."""


class _Ours:
    """Our model as a candidate."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def fit(
        self, train: Interactions, validation: Interactions | None = None, seed: int = 0
    ) -> Any:
        """The scorer of a fitted `Conv4Rec`; it cuts its own validation part."""
        del validation
        from conv4rec.recommender import Conv4Rec, ConvScorer  # other candidates may need no torch

        return ConvScorer(Conv4Rec(**self.settings)).fit(train, seed=seed)


def _ours(**settings: Any) -> Any:
    return _Ours(**settings)


_OWN: dict[str, Any] = {"extra": None, "folds_in": True}
OWN_CANDIDATES: dict[str, Candidate] = {
    candidate.name: candidate
    for candidate in (
        Candidate(
            OURS,
            ("rank", "rate"),
            make=_ours,
            defaults={
                "consume_reg": 8.0,
                "rate_reg": 20.0,
                "consume_rating_reg": 48.0,
                "consume_size": None,
                "rate_size": None,
                "spectral_init": 0.5,
                "user_weight_power": 0.5,
            },
            space={
                "consume_reg": Range(2.0, 32.0, log=True),
                "rate_reg": Range(4.0, 60.0, log=True),
                "consume_rating_reg": Range(8.0, 200.0, log=True),
                "consume_size": Choice((None, 64, 128, 256)),
                "rate_size": Choice((None, 16, 32, 64)),
                "spectral_init": Choice((0.0, 0.5, 1.0)),
                "user_weight_power": Range(0.0, 1.0),
            },
            source="the defaults of TrainSettings and NetworkConfig",
            **_OWN,
        ),
        Candidate("popularity", ("rank",), make=Popularity, distribution="none", **_OWN),
        Candidate(
            "means",
            ("rate",),
            make=Means,
            source="chooses its penalties on validation",
            uses_unrated=False,
            distribution="gaussian",
            **_OWN,
        ),
        Candidate(
            "ease",
            ("rank",),
            make=EASE,
            source="chooses its penalty on validation",
            distribution="none",
            **_OWN,
        ),
    )
}
"""Ours and the baselines, which need no extra; the baselines tune themselves."""


def candidates(also: Iterable[str] = ()) -> dict[str, Candidate]:
    """All candidates by name: ours, the baselines, other libraries', then those of `also`.

    Args:
        also: `FILE.py:NAME`, where NAME is a `Candidate` that the file defines.

    Raises:
        SettingError: A file defines no such candidate, or one of a name that is taken.
    """
    known = OWN_CANDIDATES | ADAPTERS
    for place in also:
        candidate = _from_file(place)
        if candidate.name in known:
            raise SettingError(
                f"--also {place}: the name {candidate.name!r} is taken; choose another"
            )
        known[candidate.name] = candidate
    return known


def chosen(words: str, known: dict[str, Candidate]) -> list[Candidate]:
    """The candidates of "all" or "a,b,c", popularity and EASE first; popularity always.

    Raises:
        SettingError: There is no such candidate.

    >>> [candidate.name for candidate in chosen("conv4rec,ease", OWN_CANDIDATES)]
    ['popularity', 'ease', 'conv4rec']
    """
    names = list(known) if words == "all" else [word.strip() for word in words.split(",")]
    if unknown := [name for name in names if name not in known]:
        raise SettingError(f"--models: there is no {unknown[0]!r}; there are {', '.join(known)}")
    first = [name for name in FIRST if name in names or name == "popularity"]
    return [known[name] for name in dict.fromkeys([*first, *names])]


def _from_file(place: str) -> Candidate:
    path, _, name = place.rpartition(":")
    if not path.endswith(".py") or not Path(path).is_file():
        raise SettingError(f"--also takes FILE.py:NAME, a file that is there; got {place!r}")
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    assert spec is not None  # it is a .py file
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    candidate = getattr(module, name, None)
    if not isinstance(candidate, Candidate):
        raise SettingError(f"--also {place}: {path} defines no Candidate called {name!r}")
    return candidate
