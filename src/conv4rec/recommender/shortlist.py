"""Lists by rating from a shortlist: all items nearly, the best of them exactly.

The ratings of all items are read from compressed tables (`conv4rec.model.compressed`), at a tenth
of the cost. The best by that score are read exactly, and the list is made of these. The largest
error seen among them says whether an item that was left out could belong to the list: if twice
that error would bring it in, or if an item is too close to a limit of discoveries, a longer
shortlist is tried, and then all items are read exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from conv4rec.data import Interactions
from conv4rec.model.ordinal import LEAST
from conv4rec.recommender.list_scores import ListSpec, Norms, Rated
from conv4rec.recommender.scoring import Scores, Scoring
from conv4rec.recommender.uncertainty import Latent, log_odds, ndtr, standard_errors

LEAST_SHORTLIST, PER_PLACE = 128, 8  # items read exactly: for each place of the list, at least
DISCOVERIES = 2  # times as many: some turn out not to be one
SMALLEST_CATALOGUE = 16  # shortlists: a smaller catalogue is read whole
FAR = 9.0  # deviations
LONGER = (1, 4)  # times as many, tried in turn
MARGIN = 0.1  # log-odds that a discovery may seem liked less than by others, at first
CLOSE = 1e-4  # to a limit of discoveries: compressed tables cannot tell


@dataclass(frozen=True)
class Shortlister:
    """Ranks the items of one user at a time.

    Args:
        scoring: the network and what it is served with.
        histories: of the users.
        spec: the kind of list, of one that reads ratings.
        norms: as for `list_scores`.
        prices: items; what is taken from scores.
        allowed: items, bool.
        k: length of the list.
    """

    scoring: Scoring
    histories: Interactions
    spec: ListSpec
    norms: Norms | None
    prices: np.ndarray
    allowed: np.ndarray
    k: int

    @property
    def size(self) -> int:
        """How many items are read exactly."""
        size = max(LEAST_SHORTLIST, PER_PLACE * self.k)
        return size * (DISCOVERIES if self.spec.by == "discover" else 1)

    @property
    def pays(self) -> bool:
        """Whether the catalogue is large enough."""
        return self.size * SMALLEST_CATALOGUE <= len(self.allowed)

    def ranked(self, scores: Scores, may: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """The shortlist in ascending order, and its scores minus prices. None if it is in doubt.

        Args:
            scores: of one user.
            may: items, bool; which the history lets be listed.
        """
        nearly = NearlyRated.of(self.scoring, scores, self.spec.like_level)
        score = self._score(nearly, scores.log_p_consume[0]) - self.prices
        may, limits, lift = may & self.allowed, None, np.float32(np.inf)
        if self.spec.by == "discover":
            limits = self._limits(nearly.likes, scores)
            may, lift = may & limits.novel, limits.lift
        margin = MARGIN
        for times in LONGER:
            own = np.where(may & (lift >= -margin), score, -np.inf)
            items = self._best(own, times * self.size)
            listed, doubt = self._read(scores, nearly, own, items, limits, margin)
            if listed is not None:
                return items, listed
            margin = max(margin, 2 * doubt)
        return None

    def _best(self, score: np.ndarray, n: int) -> np.ndarray:
        """The n best items that are not at -inf, in ascending order."""
        n = min(n, len(score))
        items = np.sort(np.argpartition(score, len(score) - n)[len(score) - n :])
        return items[score[items] > -np.inf]

    def _read(
        self,
        scores: Scores,
        nearly: NearlyRated,
        score: np.ndarray,
        items: np.ndarray,
        limits: Limits | None,
        margin: float,
    ) -> tuple[np.ndarray | None, float]:
        """What the items of a shortlist are ranked by, exactly, and twice the largest error.

        The former is None if the list is in doubt.
        """
        row = np.zeros(len(items), dtype=np.int64)
        read = Rated(*self.scoring.rated(scores.encoding, row, items), self.spec.like_level)
        exact = self._score(read, scores.log_p_consume[0, items]) - self.prices[items]
        error = np.abs(exact - score[items])
        doubt, is_close = 2 * float(error.max(initial=0.0)), np.zeros(len(items), dtype=bool)
        if limits is not None:
            # Limits hold means over all items: errors cancel, but for those of curved functions.
            square = float(np.square(error).sum()) / max(1, len(items))
            close = CLOSE + 2 * square + 3 * (square / len(score)) ** 0.5
            passes, is_close = self._pass(nearly.likes, read.likes, items, limits, close)
            if doubt > margin and self.spec.criteria.min_p_like != 0:
                return None, doubt
            exact = np.where(passes, exact, -np.inf)
        n, is_whole = len(items), len(items) == np.count_nonzero(score > -np.inf)
        last = np.partition(exact, n - self.k)[n - self.k] if n >= self.k else -np.inf
        if not is_whole and not float(score[items].min()) + doubt < last:
            return None, doubt
        return None if (is_close & (exact >= last)).any() else exact, doubt

    def _pass(
        self,
        nearly: np.ndarray,
        likes: np.ndarray,
        items: np.ndarray,
        limits: Limits,
        close: float,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Which items of the shortlist are liked enough, and which are close to a limit."""
        over, lift = likes - limits.likes, np.full(len(items), np.inf)
        if self.spec.criteria.min_p_like is None:
            lift = limits.lift[items] + log_odds(likes) - log_odds(nearly[items])
            return (over >= 0) & (lift >= 0), (np.abs(over) < close) | (np.abs(lift) < close)
        return over >= 0, np.zeros(len(items), dtype=bool)  # the limit is given: nothing is near it

    def _score(self, rated: Rated | NearlyRated, log_p_consume: np.ndarray) -> np.ndarray:
        by, confidence = self.spec.by, self.spec.criteria.confidence
        if by == "consume_and_like":
            return np.exp(log_p_consume) * rated.likes
        if by == "rating":
            return rated.rating_lower_bound(confidence, self.histories.levels.values)
        return rated.like_lower_bound(confidence)

    def _limits(self, likes: np.ndarray, scores: Scores) -> Limits:
        """What a discovery has to exceed."""
        assert self.norms is not None
        criteria, log_p = self.spec.criteria, scores.log_p_consume
        n_consumed = np.diff(self.histories.starts)[scores.rows]
        novel = criteria.novel(log_p, n_consumed, self.norms.head)[0]
        if (least := criteria.min_p_like) is not None:
            beyond = log_odds(likes) - log_odds(np.array([least])) if least else likes + np.inf
            return Limits(novel, least, beyond)
        lift = self.norms.lift(likes[None])[0]
        return Limits(novel, float(criteria.likes_limit(likes[None], log_p)[0]), lift)


@dataclass(frozen=True)
class Limits:
    """What makes an item a discovery."""

    novel: np.ndarray
    likes: float
    lift: np.ndarray
    """In log-odds, nearly: beyond the liking of others, or beyond a P(like) that was given."""


def one_row(scores: Scores, row: int) -> Scores:
    """The scores of one of several users."""
    part, encoding = slice(row, row + 1), scores.encoding
    posterior = encoding.user_posterior
    own = replace(
        encoding, consume=encoding.consume[part], rate=encoding.rate[part],
        user_mean=encoding.user_mean[part],
        user_posterior=None if posterior is None else posterior[part],
    )  # fmt: skip
    return Scores(scores.rows[part], scores.log_p_consume[part], own)


@dataclass(frozen=True)
class NearlyRated:
    """What `Rated` holds of one user and every item, from compressed tables."""

    p_rating: np.ndarray
    """levels x items: sums over levels are ten times as fast as in the other order."""
    latent: Latent | None
    like_level: int

    @classmethod
    def of(cls, scoring: Scoring, scores: Scores, like_level: int) -> NearlyRated:
        """Compute them for the one user of `scores`."""
        encoding, mf = scores.encoding, scoring.model.bayesian_mf
        tables = scoring.compressed(encoding)
        logits = tables.level_logits(scoring.network, encoding)
        logits -= logits.max(0)
        if mf is None or tables.latent is None or encoding.user_posterior is None:
            p = np.exp(logits)
            return cls(p / p.sum(0), None, like_level)
        row = encoding.user_posterior[0].cpu().numpy()
        n_factors = len(tables.latent.mean)
        offset, noise, variance = row[n_factors : n_factors + 3]
        mean = tables.latent.scores(row[:n_factors]) + offset
        spread = variance * mf.uncertainty_ratio.cpu().numpy()
        thresholds = mf.thresholds.mean(0).cpu().numpy()
        deviation = np.sqrt(noise + spread)
        below = ndtr((thresholds[:, None] - mean) / deviation)
        probit = np.diff(below, axis=0, prepend=np.float32(0.0), append=np.float32(1.0))
        style = np.exp(row[n_factors + 3 :, None])
        neural, probit = np.exp(logits) * style, np.maximum(probit, LEAST) * style
        share = float(mf.share)
        p = neural * ((1 - share) / neural.sum(0)) + probit * (share / probit.sum(0))
        latent = Latent(mean, np.sqrt(np.maximum(spread, 0.0)), np.sqrt(noise), thresholds)
        return cls(p, latent, like_level)

    @cached_property
    def likes(self) -> np.ndarray:
        """P(like): items."""
        return np.minimum(self.p_rating[self.like_level :].sum(0), 1.0)

    def like_lower_bound(self, confidence: float) -> np.ndarray:
        """As of `Rated`; log-odds of the latent value end at `FAR` deviations."""
        bound = log_odds(self.likes)
        if self.latent is None or self.like_level == 0:
            return bound
        latent = self.latent
        apart = (latent.mean - latent.thresholds[self.like_level - 1]) / latent.deviation
        moved = apart - standard_errors(confidence) * latent.standard_error / latent.deviation
        places = np.clip(np.stack([moved, -moved, apart, -apart]), -FAR, FAR)
        logs = np.log(ndtr(places.astype(np.float32)))
        return bound + (logs[0] - logs[1] - logs[2] + logs[3])

    def rating_lower_bound(self, confidence: float, values: Sequence[float]) -> np.ndarray:
        """As of `Rated`."""
        bound = np.asarray(values, dtype=np.float32) @ self.p_rating
        if self.latent is not None:
            bound = bound + self.latent.rating_move(values, -standard_errors(confidence))
        return bound
