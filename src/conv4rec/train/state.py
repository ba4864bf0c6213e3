"""What passes between the stages of a fit, and from an interrupted fit to its continuation."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from conv4rec.train.ensemble_scores import NeuralScores
from conv4rec.train.loop import TrainerState
from conv4rec.train.selection import ValidationResult
from conv4rec.train.snapshot import Snapshot


@dataclass
class BestPredictions:
    """The network's predictions of the validation part, at the best evaluation of each task."""

    consume: NeuralScores | None = None
    rating_logits: Tensor | None = None  # masked ratings x levels


@dataclass
class LastEvaluations:
    """What the last evaluations of the current stage leave to be averaged, in their order."""

    snapshots: list[Snapshot] = field(default_factory=list)
    rating_logits: list[Tensor] = field(default_factory=list)  # masked ratings x levels

    def forget(self, n_last: int) -> None:
        """Forget all but the last `n_last` evaluations."""
        del self.snapshots[:-n_last], self.rating_logits[:-n_last]


@dataclass
class FitState:
    """Where a fit is: the stage, what it has found, and the state of the loop."""

    stage: int = 0
    results: list[ValidationResult] = field(default_factory=list)
    n_before: int = 0
    """How many of the results are of earlier stages."""
    best: BestPredictions = field(default_factory=BestPredictions)
    last: LastEvaluations = field(default_factory=LastEvaluations)
    trainer: TrainerState | None = None

    def next_stage(self) -> FitState:
        """The state at the start of the next stage."""
        return FitState(self.stage + 1, self.results, len(self.results), self.best)
