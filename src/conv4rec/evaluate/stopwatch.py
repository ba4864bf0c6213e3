"""The seconds that a model takes to answer, without the time of the metrics."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from conv4rec.data import Interactions
from conv4rec.evaluate import Scorer
from conv4rec.evaluate.scorer import FloatArray, IntArray


class Stopwatch:
    """A scorer that passes every call on and counts the seconds of each kind.

    Args:
        scorer: The model that answers.
    """

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self.seconds = {"rank": 0.0, "log_p": 0.0, "probabilities": 0.0, "expected": 0.0}

    @property
    def score_s(self) -> float:
        """Seconds to rank, and to rate once: the evaluator asks for probabilities and means."""
        rate = max(self.seconds["probabilities"], self.seconds["expected"])
        return self.seconds["rank"] + rate

    def rank_scores(self, given: Interactions, rows: IntArray) -> FloatArray | None:
        """See `Scorer`."""
        return self._timed("rank", self.scorer.rank_scores, given, rows)

    def rank_log_probabilities(self, given: Interactions, rows: IntArray) -> FloatArray | None:
        """See `Scorer`."""
        return self._timed("log_p", self.scorer.rank_log_probabilities, given, rows)

    def rating_probabilities(
        self, given: Interactions, rows: IntArray, items: IntArray
    ) -> FloatArray | None:
        """See `Scorer`."""
        return self._timed("probabilities", self.scorer.rating_probabilities, given, rows, items)

    def expected_ratings(
        self, given: Interactions, rows: IntArray, items: IntArray
    ) -> FloatArray | None:
        """See `Scorer`."""
        return self._timed("expected", self.scorer.expected_ratings, given, rows, items)

    def _timed(self, kind: str, ask: Callable[..., FloatArray | None], *question: Any) -> Any:
        started = time.perf_counter()
        answer = ask(*question)
        self.seconds[kind] += time.perf_counter() - started
        return answer
