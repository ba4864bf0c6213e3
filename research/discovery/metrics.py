"""Metrics of discovery: liked items among those that a person was unlikely to consume.

They are measured on ratings of items that were exposed at random (missing at random, MAR),
because people do not rate at random what they choose themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from conv4rec.evaluate import calibration
from conv4rec.evaluate.rating import absolute_errors
from conv4rec.evaluate.scorer import BoolArray, FloatArray, IntArray
from conv4rec.evaluate.unlikely import ndcg_of_pairs
from research.discovery.exposed_pairs import N_DECILES, ExposedPairs, ListedPairs, Predictions

CUTOFFS = (1, 3, 5)
"""k of discovery_precision@k."""
LISTED = 3
"""Longest list of discoveries."""
NDCG_CUTOFF = 5
FAR = 500
"""Rank by P(consume) from which a pair counts for auc_far."""


@dataclass(frozen=True, eq=False)
class Discovery:
    """The metrics of one model; `measure_discovery` defines each."""

    metrics: dict[str, float | None]
    deciles: dict[str, list[float | None]]
    """By tenth of the user's items by P(consume), the least likely first: `n` pairs, `predicted`
    mean P(like), `observed` share of liked, `auc` of P(like) (None where undefined)."""
    per_user: dict[str, FloatArray] = field(default_factory=dict)
    """discovery_precision@k and "base" of each user with an unlikely pair, in order of rows; with
    `listed` also "listed_precision@3": the number of liked discoveries."""
    users: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """These users, as in `ExposedPairs.users`."""


def measure_discovery(
    pairs: ExposedPairs,
    predictions: Predictions,
    values: tuple[float, ...],
    like_level: int,
    listed: ListedPairs | None = None,
) -> Discovery:
    """Compute the metrics of discovery.

    A pair is *unlikely* if it is in the lower half of the user's items by P(consume). With L_u
    the user's unlikely pairs ranked by score (ties: in order of item) and n_u their number,

        discovery_precision@k = mean over users with n_u > 0 of
                                |liked among the first k of L_u| / min(k, n_u)
        base                  = mean over the same users of |liked in L_u| / n_u
        lift@k                = discovery_precision@k / base
        best@k                = discovery_precision@k if every liked pair were ranked first

    A random ranking has a lift of 1. These rankings have the same length for everyone. The lists
    of our model end where P(like) falls below one half. Let n be the number of its discoveries
    among the pairs, at most 3 per user, and F the n candidates (`ListedPairs`) of highest P(like)
    by the measured model, again at most 3 per user:

        listed_precision@3 = share of F that is liked
        listed_p_like      = mean P(like) over F
        listed_base        = share of all candidates that is liked
        listed_lift@3      = listed_precision@3 / listed_base
        n_listed           = n
        n_listed_users     = number of users in F

    `shifted` is the mean error, expected minus given rating, and `mse_unshifted` = mse -
    shifted². `auc_within` is the mean over users of the AUC of their own test pairs.
    `auc_far@500` is the AUC over pairs with a rank by P(consume) of 500 or more. `ndcg_like@5`
    ranks each user's own test pairs by P(like). `auc_low` and `ece_low` are over unlikely pairs.

    Args:
        pairs: The rated test pairs.
        predictions: Of the model that is measured.
        values: The rating that each level stands for.
        like_level: Number of the first level that counts as liked.
        listed: Our model's discoveries; without it the `listed_` metrics are left out.
    """
    scale = np.asarray(values, dtype=np.float64)
    liked = pairs.levels >= like_level
    p_like = predictions.probabilities[:, like_level:].sum(axis=1, dtype=np.float64)
    error = predictions.expected - scale[pairs.levels]
    low, far = pairs.is_unlikely, pairs.ranks >= FAR
    metrics: dict[str, float | None] = {
        "mse": float((error**2).mean()),
        "mse_unshifted": float(error.var()),
        "shifted": float(error.mean()),
        "mae": float(absolute_errors(predictions.probabilities, pairs.levels, scale).mean()),
        "auc_like": _auc(p_like, liked),
        "auc_within": _mean([_auc(p_like[own], liked[own]) for own in _by_user(pairs.users)]),
        f"ndcg_like@{NDCG_CUTOFF}": _mean(
            [ndcg_of_pairs(p_like[own], liked[own], NDCG_CUTOFF) for own in _by_user(pairs.users)]
        ),
        "auc_low": _auc(p_like[low], liked[low]),
        "ece_low": calibration.ece(p_like[low], liked[low]) if low.any() else None,
        f"auc_far@{FAR}": _auc(p_like[far], liked[far]),
    }
    given = predictions.scores
    scores = p_like if given is None else np.asarray(given, dtype=np.float64)
    per_user = _precision(pairs.users[low], pairs.items[low], scores[low], liked[low])
    for name, found in per_user.items():
        metrics[name] = float(found.mean()) if len(found) else None
    base = metrics["base"]
    for k in CUTOFFS:
        precision = metrics[f"discovery_precision@{k}"]
        metrics[f"lift@{k}"] = precision / base if base and precision is not None else None
    if listed is not None:
        found, per_user[f"listed_precision@{LISTED}"] = _listed(pairs, p_like, liked, listed)
        metrics |= found
    by_decile = _by_decile(pairs.deciles, p_like, liked)
    return Discovery(metrics, by_decile, per_user, np.unique(pairs.users[low]))


def _precision(
    users: IntArray, items: IntArray, scores: FloatArray, liked: BoolArray
) -> dict[str, FloatArray]:
    """Each user's share of liked pairs: in the first k, in all of them, and at best."""
    order = np.lexsort((items, -scores, users))
    places = _places(users[order])
    owner = np.unique(users, return_inverse=True)[1]
    n, n_liked = np.bincount(owner), np.bincount(owner, weights=liked)
    found: dict[str, FloatArray] = {"base": n_liked / np.maximum(n, 1)}
    for k in CUTOFFS:
        hits = np.bincount(owner[order], weights=liked[order] & (places < k))
        found[f"discovery_precision@{k}"] = hits / np.minimum(k, n)
        found[f"best@{k}"] = np.minimum(n_liked, k) / np.minimum(k, n)
    return found


def _listed(
    pairs: ExposedPairs, p_like: FloatArray, liked: BoolArray, listed: ListedPairs
) -> tuple[dict[str, float | None], FloatArray]:
    """The `listed_` metrics, and the number of liked ones of each user with an unlikely pair."""
    candidates = np.flatnonzero(listed.candidates & pairs.is_unlikely)
    ours = listed.discoveries & pairs.is_unlikely
    n_listed = int(np.minimum(np.bincount(pairs.users[ours]), LISTED).sum())
    order = np.lexsort((pairs.items[candidates], -p_like[candidates], pairs.users[candidates]))
    own = candidates[order]
    best = own[_places(pairs.users[own]) < LISTED]
    taken = best[np.argsort(-p_like[best], kind="stable")[:n_listed]]
    base = _share(liked[candidates])
    precision = _share(liked[taken])
    metrics = {
        f"listed_precision@{LISTED}": precision,
        "listed_p_like": _share(p_like[taken]),
        "listed_base": base,
        f"listed_lift@{LISTED}": precision / base if precision is not None and base else None,
        "n_listed": float(n_listed),
        "n_listed_users": float(len(np.unique(pairs.users[taken]))),
    }
    users = np.unique(pairs.users[pairs.is_unlikely])
    hits = np.bincount(
        np.searchsorted(users, pairs.users[taken]), weights=liked[taken], minlength=len(users)
    )
    return metrics, hits.astype(np.float64)


def _places(owners: IntArray) -> IntArray:
    """Index of each entry among those of its owner, from 0; entries are sorted by owner."""
    is_first = np.ones(len(owners), dtype=bool)
    is_first[1:] = owners[1:] != owners[:-1]
    starts = np.flatnonzero(is_first)
    return np.arange(len(owners)) - starts[np.cumsum(is_first) - 1]


def _share(values: FloatArray | BoolArray) -> float | None:
    return float(values.mean()) if len(values) else None


def _by_decile(
    deciles: IntArray, p_like: FloatArray, liked: BoolArray
) -> dict[str, list[float | None]]:
    table: dict[str, list[float | None]] = {"n": [], "predicted": [], "observed": [], "auc": []}
    for decile in range(N_DECILES):
        here = deciles == decile
        table["n"].append(int(here.sum()))
        table["predicted"].append(_share(p_like[here]))
        table["observed"].append(_share(liked[here]))
        table["auc"].append(_auc(p_like[here], liked[here]))
    return table


def _by_user(users: IntArray) -> list[IntArray]:
    """Positions of each user's pairs."""
    order = np.argsort(users, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(users[order])) + 1)


def _auc(p_like: FloatArray, liked: BoolArray) -> float | None:
    """The AUC; None where all outcomes are the same, or there are none."""
    found = calibration.auc(p_like, liked) if len(liked) else float("nan")
    return None if np.isnan(found) else found


def _mean(values: list[float | None] | list[float]) -> float | None:
    known = [value for value in values if value is not None and not np.isnan(value)]
    return float(np.mean(known)) if known else None
