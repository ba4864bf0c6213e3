"""From interactions to a served model: validation fits, selection, components, final fit."""

from conv4rec.train.fit import Fit, Fitted
from conv4rec.train.settings import TrainSettings

__all__ = ["Fit", "Fitted", "TrainSettings"]
