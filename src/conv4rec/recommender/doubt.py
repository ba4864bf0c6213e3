"""How sure P(like) is: its standard error in log-odds, from who rated what.

Near the model, the log-odds of liking are an item's own level plus a product of what is known of
the user and of the item along a few main directions of taste:

    log-odds(u, i) = a_i + z_u . v_i.

Both factors were learned from ratings, each of which says only so much. As in Bayesian
regression, the covariance of (a_i, v_i) is

    (prior^-1 + sum over raters u of I (1, z_u)(1, z_u)')^-1,

I being the Fisher information of one rating, and likewise for z_u over what u rated. So an item
that few rated is uncertain, and so is one far from what its raters, or this user, care about.
The prior is that under which the ratings of the log are likeliest, not a value set by hand. What
this cannot see is that people may rate what they like more often than the rest.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from scipy import sparse

from conv4rec.data import Interactions
from conv4rec.model.attribution import Planes, entry_readings, like_planes
from conv4rec.model.network import Reading
from conv4rec.recommender.posterior import posterior_covariances, prior_variances
from conv4rec.recommender.scoring import Scoring

DIRECTIONS = 15  # of taste; the rest of what is decoded is too weak to matter
ENTRIES = 5_000  # of the log, read at a time
SAMPLE_ITEMS = 2_000  # that the prior is fitted on, evenly spaced
SAMPLE_USERS = 4_096  # whose spread gives the directions, evenly spaced
UNKNOWN = 1.0  # squared log-odds: how far items differ, and tastes move them, unless data tell


class Doubt:
    """Standard errors of the log-odds of P(like), for anyone and every item.

    Made from a fitted model by one pass over its training log. Memory: items x 256 floats, and
    three times as much while it is made.

    Args:
        scoring: the network and what it is served with.
        known: the training log.
        like_level: number of the first level that counts as liking.
    """

    def __init__(self, scoring: Scoring, known: Interactions, like_level: int) -> None:
        self.scoring, self.n_items = scoring, known.n_items
        self.certain = like_level == 0 or scoring.network.config.n_channels == 0
        if self.certain:  # every rating is a like: nothing to doubt
            return
        sample = np.arange(0, known.n_users, max(1, known.n_users // SAMPLE_USERS))
        planes = self._look_along(known, sample, like_level)
        evidence, given = self._evidence(known, planes)
        n_directions = self.slopes.shape[1]
        unknown = np.array([UNKNOWN, *[UNKNOWN / n_directions] * n_directions])
        about = np.array([planes.levels.mean(), *self.slopes.mean(0)])
        sampled = slice(None, None, max(1, self.n_items // SAMPLE_ITEMS))
        known_of = _whole(given[sampled], n_directions + 1)
        prior = prior_variances(evidence[sampled], known_of, unknown, about)
        common = 1.0 / (1.0 / UNKNOWN + given[:, 0].sum())  # variance of the items' mean
        width = n_directions * (n_directions + 1) // 2
        self.table = np.empty((self.n_items, given.shape[1] + width), dtype=np.float32)
        for first in range(0, self.n_items, SAMPLE_ITEMS):
            part = slice(first, first + SAMPLE_ITEMS)
            left = posterior_covariances(_whole(given[part], n_directions + 1), prior)
            left[:, 0, 0] += common
            self.table[part] = np.column_stack([_half(left), _half(_outer(self.slopes[part]))])
        self.weight = planes.information.astype(np.float32)
        self.typical = np.einsum("udd->d", self._left(known, sample)) / len(sample)

    def errors(self, reading: Reading, histories: Interactions, rows: np.ndarray) -> np.ndarray:
        """Standard errors for everyone in the reading and every item: rows x items, float32.

        Args:
            reading: of the rows.
            histories: where the rows are.
            rows: of `histories`, in the order of the reading.
        """
        if self.certain:
            return np.zeros((len(rows), self.n_items), dtype=np.float32)
        along = self._along(reading)
        left, about = self._left(histories, rows), _outer(_with_one(along))
        # What is read of people spreads by 1 along each direction, and the truth by what is left
        # to know of them besides; of whom less is read, more is left.
        unread = np.maximum(1.0 - (along**2).mean(1), 0.0)
        left += unread[:, None, None] * np.diag(self.typical)
        about[:, 1:, 1:] += left  # both factors may be off at once
        asked = [_half(part, 2.0) for part in (about, left)]
        variances = np.concatenate(asked, axis=1).astype(np.float32) @ self.table.T
        return np.sqrt(np.maximum(variances, 0.0))

    def _look_along(self, known: Interactions, sample: np.ndarray, like_level: int) -> Planes:
        """Find the main directions: those along which users move the log-odds most."""
        reading, _ = self.scoring.read(known, sample, to_pick=False, to_rate=False)
        users = self._read(reading)
        self.mean = users.mean(0)
        mean = torch.from_numpy(self.mean).to(reading.rate.device)
        planes = like_planes(self.scoring.network, reading, mean, like_level)
        spread, axes = np.linalg.eigh((users - self.mean).T @ (users - self.mean) / len(users))
        spread = np.sqrt(np.maximum(spread, 0.0))
        moved = planes.slopes @ (axes * spread)  # items x width, each axis in its own spread
        power, turned = np.linalg.eigh(moved.T @ moved)
        main = turned[:, np.argsort(-power, kind="stable")[:DIRECTIONS]]
        usable = spread > 1e-4 * max(spread.max(), 1e-12)
        scale = np.where(usable, 1.0 / np.where(usable, spread, 1.0), 0.0)
        self.onto, self.slopes = axes * scale @ main, moved @ main
        return planes

    def _read(self, reading: Reading) -> np.ndarray:
        """What ratings are decoded from: latent vector and user's mean, rows x width, float64."""
        means = reading.user_mean @ self.scoring.network.from_user_mean
        return torch.cat([reading.rate, means], 1).double().cpu().numpy()

    def _along(self, reading: Reading) -> np.ndarray:
        """Where users stand on the directions: rows x directions."""
        return (self._read(reading) - self.mean) @ self.onto

    def _evidence(self, known: Interactions, planes: Planes) -> tuple[np.ndarray, np.ndarray]:
        """What its ratings say of each item's effects, and how much (see `prior_variances`).

        A rater's own rating of the item is taken out of where the rater stands.
        """
        size = self.slopes.shape[1] + 1
        evidence = np.zeros((known.n_items, size))
        given = np.zeros((known.n_items, size * (size + 1) // 2))
        for rows in _blocks(known.starts):
            half = {"to_pick": False, "to_rate": False}  # the trained rating side alone
            reading, history = self.scoring.read(known, rows, **half)
            entries = entry_readings(self.scoring.network, history, self.scoring.item_side, **half)
            part = known.take_users(rows)
            rated = np.flatnonzero(part.level_numbers >= 0)
            along = self._along(reading)[part.user_numbers] - self._read(entries) @ self.onto
            along = _with_one(along[rated])
            items, levels = part.item_numbers[rated], part.level_numbers[rated]
            of_item = sparse.csr_array(
                (np.ones(len(rated)), (items, np.arange(len(rated)))),
                shape=(known.n_items, len(rated)),
            )
            response = planes.said[items, levels] + (planes.information * planes.levels)[items]
            evidence += of_item @ (along * response[:, None])
            products = _half(_outer(along))
            for some in np.array_split(np.arange(given.shape[1]), 4):  # a quarter's copy at a time
                given[:, some] += of_item @ products[:, some]
        return evidence, given * planes.information[:, None]

    def _left(self, histories: Interactions, rows: np.ndarray) -> np.ndarray:
        """What each person's ratings leave to know of them: rows x directions x directions."""
        told = self._information(histories, rows)
        return posterior_covariances(told, np.ones(told.shape[1]))

    def _information(self, histories: Interactions, rows: np.ndarray) -> np.ndarray:
        """What each person's own ratings say of them: rows x directions x directions."""
        part = histories.take_users(rows)
        rated = part.level_numbers >= 0
        at = (part.user_numbers[rated], part.item_numbers[rated])
        shape = (len(rows), self.n_items)
        of_person = sparse.csr_array((self.weight[part.item_numbers[rated]], at), shape=shape)
        size = self.slopes.shape[1]
        return _whole(of_person @ self.table[:, -size * (size + 1) // 2 :], size)


def _blocks(starts: np.ndarray) -> Iterator[np.ndarray]:
    """Users in order, about `ENTRIES` interactions at a time."""
    first, n_users = 0, len(starts) - 1
    while first < n_users:
        last = int(np.searchsorted(starts, starts[first] + ENTRIES, side="right")) - 1
        last = min(max(last, first + 1), n_users)
        yield np.arange(first, last)
        first = last


def _with_one(along: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(along)), along])


def _outer(rows: np.ndarray) -> np.ndarray:
    """Products of each row with itself: rows x size x size."""
    return rows[:, :, None] * rows[:, None, :]


def _half(symmetric: np.ndarray, off_diagonal: float = 1.0) -> np.ndarray:
    """The upper triangles, one row a matrix: their product is that of the whole matrices.

    In one of two factors what is off the diagonal counts double.
    """
    rows, columns = np.triu_indices(symmetric.shape[1])
    return symmetric[:, rows, columns] * np.where(rows == columns, 1.0, off_diagonal)


def _whole(half: np.ndarray, size: int) -> np.ndarray:
    """Symmetric matrices from their upper triangles."""
    rows, columns = np.triu_indices(size)
    whole = np.empty((len(half), size, size))
    whole[:, rows, columns] = whole[:, columns, rows] = half
    return whole
