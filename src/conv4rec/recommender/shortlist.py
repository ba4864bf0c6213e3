"""Lists by rating from a shortlist: all items nearly, the best of them exactly.

The ratings of all items are read from compressed tables (`conv4rec.model.compressed`), at a tenth
of the cost. The best by that score are read exactly, and the list is made of these. The largest
error seen among them says whether an item that was left out could belong to the list: if twice
that error would bring it in, more items are read, and in the end all of them.

Means over all items, which say what a user must like at least to be shown a discovery, are of the
compressed tables. Their errors have mean 0, so the limit is right to some thousandths of log-odds,
and an item that close to it may be listed or not. Where errors are large, all items are read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from conv4rec.data import Interactions
from conv4rec.recommender.list_scores import ListSpec, Norms, Rated
from conv4rec.recommender.nearly_rated import NearlyRated
from conv4rec.recommender.scoring import Scores, Scoring
from conv4rec.recommender.uncertainty import Latent, joined, log_odds

LEAST_SHORTLIST, PER_PLACE = 40, 4  # items read exactly: at least, and for each place of the list
DISCOVERIES = 2  # times as many: some turn out not to be one
SMALLEST_CATALOGUE = 48  # shortlists: a smaller catalogue is read whole
FAR = 9.0  # log-odds: as good as infinitely far from a limit
GROWTH = 2  # times as many as were read before, at most, are read next
MOST = 50  # times as many in all; rather than more, everything is read
MARGIN = 0.05  # log-odds by which a discovery may seem liked too little, at first
SHARP = 0.001  # log-odds: a limit of discoveries that seems right to this is not looked into
LOWEST = -1e30  # any score is above it


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
        """How many items are read exactly at first."""
        size = max(LEAST_SHORTLIST, PER_PLACE * self.k)
        return size * (DISCOVERIES if self.spec.by == "discover" else 1)

    @property
    def pays(self) -> bool:
        """Whether the catalogue is large enough."""
        return self.size * SMALLEST_CATALOGUE <= len(self.allowed)

    def ranked(self, scores: Scores, nearly: NearlyRated, may: np.ndarray) -> Shortlist | None:
        """The items that were read exactly; None where these would be too many.

        Args:
            scores: of one user.
            nearly: of the same user.
            may: items, bool; which the history lets be listed.
        """
        nearly_score = self._score(nearly, scores.log_p_consume[0]) - self.prices
        if np.isnan(nearly_score).any():
            return None
        may, limits, room = may & self.allowed, None, np.float32(np.inf)
        if self.spec.by == "discover":
            limits = self._limits(nearly, scores)
            may, room = may & limits.novel, limits.room
        left, found, last = np.where(may, nearly_score, -np.inf), None, -np.inf
        margin, n_new = MARGIN, self.size
        if np.count_nonzero(may & (room >= -margin)) < n_new:  # then errors are of what is nearest
            margin = -float(np.partition(np.where(may, room, -FAR), -n_new)[-n_new])
        while found is None or n_new:
            new = self._best(np.where(room >= -margin, left, -np.inf), n_new)
            left[new] = -np.inf
            read = self._read(scores, new, nearly, nearly_score, limits)
            found = read if found is None else found.and_also(read)
            if (n := len(found.items)) > MOST * self.size:
                return None
            score, margin = found.score, max(margin, 2 * np.abs(found.moved).max(initial=0.0))
            last = np.partition(score, n - self.k)[n - self.k] if n >= self.k else -np.inf
            least = max(last - 2 * found.error.max(initial=0.0), LOWEST)
            n_new = min(int(np.count_nonzero((left >= least) & (room >= -margin))), GROWTH * n)
        return None if found.is_blurred(len(left), last) else found.in_order()

    def _best(self, score: np.ndarray, n: int) -> np.ndarray:
        """The n best items that are not at -inf."""
        n = min(n, len(score))
        items = np.argpartition(score, len(score) - n)[len(score) - n :]
        return items[score[items] > -np.inf]

    def _read(
        self,
        scores: Scores,
        items: np.ndarray,
        nearly: NearlyRated,
        nearly_score: np.ndarray,
        limits: Limits | None,
    ) -> Shortlist:
        """Some items, exactly; and how far off they were."""
        row = np.zeros(len(items), dtype=np.int64)
        p_rating, latent = self.scoring.rated(scores.encoding, row, items)
        read = Rated(p_rating, latent, self.spec.like_level)
        score = self._score(read, scores.log_p_consume[0, items]) - self.prices[items]
        error = np.abs(score - nearly_score[items])
        moved, room = np.zeros(len(items)), np.full(len(items), np.inf)
        passes = np.ones(len(items), dtype=bool)
        if limits is not None:
            passes = read.likes >= limits.likes
            if self.spec.criteria.min_p_like != 0:
                moved = log_odds(read.likes) - nearly.odds[items]
            if self.spec.criteria.min_p_like is None:
                room = limits.room[items] + moved
                passes &= room >= 0
        listed = np.where(passes, score, -np.inf)
        return Shortlist(items, listed, score, error, room, moved, p_rating, latent)

    def _score(self, rated: Rated | NearlyRated, log_p_consume: np.ndarray) -> np.ndarray:
        by, confidence = self.spec.by, self.spec.criteria.confidence
        if by == "consume_and_like":
            return np.exp(log_p_consume) * rated.likes
        if by == "rating":
            return rated.rating_lower_bound(confidence, self.histories.levels.values)
        return rated.like_lower_bound(confidence)

    def _limits(self, nearly: NearlyRated, scores: Scores) -> Limits:
        """What a discovery has to exceed."""
        assert self.norms is not None
        criteria, log_p = self.spec.criteria, scores.log_p_consume
        n_consumed = np.diff(self.histories.starts)[scores.rows]
        novel = criteria.novel(log_p, n_consumed, self.norms.head)[0]
        if (least := criteria.min_p_like) == 0:
            return Limits(novel, 0.0, nearly.odds + np.inf)
        if least is not None:
            return Limits(novel, least, nearly.odds - log_odds(np.array([least])))
        least = float(criteria.likes_limit(nearly.likes[None], log_p)[0])
        lift = self.norms.lift_of(nearly.odds[None])[0]
        return Limits(novel, least, np.minimum(lift, nearly.odds - log_odds(np.array([least]))))


@dataclass(frozen=True)
class Shortlist:
    """Items of one user that were read exactly."""

    items: np.ndarray
    score: np.ndarray
    """Minus prices; -inf if it is no discovery."""
    of_all: np.ndarray
    """The same, discovery or not."""
    error: np.ndarray
    """Of the score from compressed tables."""
    room: np.ndarray
    """`Limits.room`, with the exact P(like) of the item itself; infinite where a limit is given."""
    moved: np.ndarray
    """Log-odds of P(like), minus those from compressed tables."""
    p_rating: np.ndarray
    latent: Latent | None

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Everything but `latent`: items first."""
        return {name: array for name, array in vars(self).items() if name != "latent"}

    def and_also(self, more: Shortlist) -> Shortlist:
        """Both, in turn."""
        both = {name: np.concatenate([own, more.arrays[name]]) for name, own in self.arrays.items()}
        return replace(self, **both, latent=joined([self.latent, more.latent]))

    def in_order(self) -> Shortlist:
        """The same, items in ascending order."""
        order, latent = np.argsort(self.items), self.latent
        sorted_ = {name: array[order] for name, array in self.arrays.items()}
        return replace(self, **sorted_, latent=None if latent is None else latent.at(order))

    def is_blurred(self, n_items: int, last: float) -> bool:
        """Whether an item is too close to the limit of discoveries for the list to be told.

        The limit holds means over all items: errors cancel, but for those of curved functions.
        """
        square = float(np.square(self.moved).sum()) / max(1, len(self.moved))
        blur = 2 * square + 3 * (square / n_items) ** 0.5
        near = (np.abs(self.room) < blur) & (self.of_all >= last)
        return blur > SHARP and bool(near.any())


@dataclass(frozen=True)
class Limits:
    """What makes an item a discovery."""

    novel: np.ndarray
    likes: float
    room: np.ndarray
    """In log-odds, nearly: how far P(like) is beyond `likes` and beyond that of others."""


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
