"""Network + data -> weights: the loop, stopping, checkpoints."""

from conv4rec.train.fit import Fit, Fitted
from conv4rec.train.settings import TrainSettings

__all__ = ["Fit", "Fitted", "TrainSettings"]
