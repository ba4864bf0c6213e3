"""The models that a bench can run on a log with types: ours and rules of thumb."""

from __future__ import annotations

from functools import partial
from typing import Any

from conv4rec.baselines import EVENT_BASELINES, OfPairs
from conv4rec.benchmark.adapters.candidate import Candidate
from conv4rec.benchmark.adapters.implicit import ImplicitALS
from conv4rec.benchmark.candidates import OURS
from conv4rec.data import Events


class _Ours:
    """Our model as a candidate."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def fit(self, train: Events, seed: int = 0) -> Any:
        """The scorer of a fitted `Conv4Rec`."""
        from conv4rec.recommender import Conv4Rec  # other candidates need no torch
        from conv4rec.recommender.event_scorer import ConvEventScorer

        return ConvEventScorer(Conv4Rec(seed=seed, **self.settings).fit(train))


_RANKS: dict[str, Any] = {"tasks": ("rank",), "extra": None, "folds_in": True}
_IALS: dict[str, Any] = {**_RANKS, "extra": "peers", "package": "implicit", "module": "implicit"}
_CHOSEN = "chooses its weights on a part of the training events"
EVENT_CANDIDATES: dict[str, Candidate] = {
    candidate.name: candidate
    for candidate in (
        Candidate(OURS, make=_Ours, source="the defaults of TrainSettings", **_RANKS),  # pyright: ignore[reportArgumentType]
        *(
            Candidate(name, make=make, source=_CHOSEN, distribution="none", **_RANKS)  # pyright: ignore[reportArgumentType]
            for name, make in EVENT_BASELINES.items()
        ),
        *(
            Candidate(
                name,
                make=partial(OfPairs, ImplicitALS, union=union),  # pyright: ignore[reportArgumentType]
                source="defaults of AlternatingLeastSquares, implicit 0.7",
                distribution="none",
                **_IALS,
            )
            for name, union in (("ials-target", False), ("ials-union", True))
        ),
    )
}
"""In the order of tables."""
