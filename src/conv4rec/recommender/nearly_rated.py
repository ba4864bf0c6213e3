"""The ratings of a user and every item, nearly: from compressed tables, at a tenth of the cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from conv4rec.model.ordinal import LEAST
from conv4rec.recommender.scoring import Scores, Scoring
from conv4rec.recommender.uncertainty import Latent, ndtr, standard_errors, upper_tail

FAR = 9.0  # deviations
LEAST_LIKED = np.float32(1e-7)


@dataclass(frozen=True)
class NearlyRated:
    """What `Rated` holds of one user and every item, from compressed tables.

    Levels x items: sums over levels are ten times as fast as in the other order.
    """

    neural: np.ndarray
    """What P(level) of the neural component is proportional to: levels x items."""
    probit: np.ndarray | None
    """P(level) of the Bayesian matrix factorisation: levels x items."""
    style: np.ndarray
    """levels: by what a user's own use of the scale multiplies both."""
    share: float
    """Of the Bayesian matrix factorisation."""
    latent: Latent | None
    like_level: int

    @classmethod
    def each(cls, scoring: Scoring, scores: Scores, like_level: int) -> Iterator[NearlyRated]:
        """Of every user of `scores` in turn. Memory: 4 x users x items x (channels + 1) bytes."""
        encoding, mf = scores.encoding, scoring.model.bayesian_mf
        tables, network = scoring.compressed(encoding), scoring.network
        kernel, bias = network.kernel_out.T.cpu().numpy(), network.level_bias.cpu().numpy()
        channels = tables.channel_scores(network, encoding)
        if mf is None or tables.latent is None or encoding.user_posterior is None:
            style = np.ones(len(bias), dtype=np.float32)
            for own in channels:
                yield cls(_odds(kernel @ own + bias[:, None]), None, style, 0.0, None, like_level)
            return
        posterior, n_factors = encoding.user_posterior.cpu().numpy(), len(tables.latent.mean)
        means = tables.latent.scores(posterior[:, :n_factors])
        thresholds, ratio = mf.thresholds.mean(0).cpu().numpy(), mf.uncertainty_ratio.cpu().numpy()
        for own, mean, row in zip(channels, means, posterior[:, n_factors:], strict=True):
            mean, spread, noise = mean + row[0], row[2] * ratio, row[1]
            below = ndtr((thresholds[:, None] - mean) / np.sqrt(noise + spread))
            latent = Latent(mean, np.sqrt(np.maximum(spread, 0.0)), np.sqrt(noise), thresholds)
            probit = np.diff(below, axis=0, prepend=np.float32(0.0), append=np.float32(1.0))
            neural, style = _odds(kernel @ own + bias[:, None]), np.exp(row[3:] - row[3:].max())
            probit = np.maximum(probit, LEAST, out=probit)
            yield cls(neural, probit, style, float(mf.share), latent, like_level)

    def expected(self, values: np.ndarray) -> np.ndarray:
        """The expected value of a level: items."""
        values = self.style * values.astype(np.float32)
        expected = (values @ self.neural) / (self.style @ self.neural)
        if self.probit is None:
            return expected
        probit = (values @ self.probit) / (self.style @ self.probit)
        return expected * (1 - self.share) + probit * self.share

    @cached_property
    def likes(self) -> np.ndarray:
        """P(like): items."""
        return self.expected(np.arange(len(self.style)) >= self.like_level)

    @cached_property
    def odds(self) -> np.ndarray:
        """Log-odds of P(like): items."""
        likes, dislikes = self.likes, self.expected(np.arange(len(self.style)) < self.like_level)
        return np.log(np.maximum(likes, LEAST_LIKED)) - np.log(np.maximum(dislikes, LEAST_LIKED))

    def like_lower_bound(self, confidence: float) -> np.ndarray:
        """As of `Rated`; log-odds of the latent value end at `FAR` deviations."""
        if self.latent is None or self.like_level == 0:
            return self.odds
        latent = self.latent
        apart = (latent.mean - latent.thresholds[self.like_level - 1]) / latent.deviation
        moved = apart - standard_errors(confidence) * latent.standard_error / latent.deviation
        places = np.stack([moved, apart]).astype(np.float32)
        rarer = upper_tail(np.minimum(np.abs(places), np.float32(FAR)))
        odds = np.copysign(np.log((1 - rarer) / rarer), places)
        return self.odds + (odds[0] - odds[1])

    def rating_lower_bound(self, confidence: float, values: Sequence[float]) -> np.ndarray:
        """As of `Rated`."""
        bound = self.expected(np.asarray(values))
        if self.latent is not None:
            bound = bound + self.latent.rating_move(values, -standard_errors(confidence))
        return bound


def _odds(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits - logits.max(0))
