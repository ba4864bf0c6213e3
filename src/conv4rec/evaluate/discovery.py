"""Discovery: of what a person would hardly pick, does the model know what they would love?

Measured on ratings of items that were shown at random, which say what people think of items that
they would not have chosen (missing at random, MAR).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from conv4rec.evaluate import calibration, ranking
from conv4rec.evaluate.random_exposure import N_DECILES, Answers, Listed, Shown
from conv4rec.evaluate.rating import absolute_errors
from conv4rec.evaluate.scorer import BoolArray, FloatArray, IntArray

GEM_LISTS = (1, 3, 5)
"""How many gems a user is shown."""
LISTED = 3
"""The longest list of finds."""
CUTOFF = 5
"""Of the NDCG of liking."""
FAR = 500
"""Natural picks: an item whose rank by P(consume) is beyond this was not one of them."""


@dataclass(frozen=True, eq=False)
class Discovery:
    """The figures of one model; see `measure_discovery` for each."""

    metrics: dict[str, float | None]
    deciles: dict[str, list[float | None]]
    """By tenth of the user's items by P(consume), the least likely first: `n` pairs, `predicted`
    mean P(like), `observed` share of liked, `auc` of P(like) (None where all are the same)."""
    per_user: dict[str, FloatArray] = field(default_factory=dict)
    """gems@k of each user with a pair in the lower half, in order of rows, and "base"; with
    `listed`, "finds@3", the number of liked finds."""
    users: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """These users, as in `Shown.users`."""


def measure_discovery(
    shown: Shown,
    answers: Answers,
    values: tuple[float, ...],
    like_level: int,
    listed: Listed | None = None,
) -> Discovery:
    """Every figure of discovery.

    A *gem* is a test item in the lower half of its user's items by P(consume). With L_u the
    user's gems ranked by score (ties: in order of item) and n_u their number,

        gems@k = mean over users with n_u > 0 of  |liked among the first k of L_u| / min(k, n_u)
        base   = mean over the same users of      |liked in L_u| / n_u
        lift@k = gems@k / base
        best@k = what gems@k would be if every liked gem stood first

    so that a ranking by chance has a lift of 1.

    Those are lists for everyone, however little there is to like. A list of *finds* ends where
    our model no longer promises that an item is likelier liked than not. Let n be the number of
    its finds among the pairs, at most 3 a user, and F, of all pairs that it is sure are hardly
    picked, the n of highest P(like) by the model that is judged, again at most 3 a user:

        finds@3        = share liked of F
        finds_promised = mean P(like) of F
        finds_base     = share liked of all pairs that F is taken from
        finds_lift@3   = finds@3 / finds_base

    `n_finds` is n, `finders` the number of users in F.

    `shifted` is the mean of expected - given rating and `mse_unshifted` what is left of the MSE
    without it, mse - shifted². `auc_within` is the mean over users of the AUC among their own
    test items (how generous someone is cannot help there); `auc_far@500` is the AUC over pairs
    outside the 500 most natural picks. `ndcg_like@5` ranks each user's own test items by P(like).
    `_low`: over the lower half.

    Args:
        shown: The pairs.
        answers: What a model says of them.
        values: The rating that each level stands for.
        like_level: Number of the first level that counts as liked.
        listed: What our model's lists hold of the pairs; without it nothing is said of finds.
    """
    scale = np.asarray(values, dtype=np.float64)
    liked = shown.levels >= like_level
    p_like = answers.probabilities[:, like_level:].sum(axis=1, dtype=np.float64)
    error = answers.expected - scale[shown.levels]
    low, far = shown.is_unlikely, shown.ranks >= FAR
    metrics: dict[str, float | None] = {
        "mse": float((error**2).mean()),
        "mse_unshifted": float(error.var()),
        "shifted": float(error.mean()),
        "mae": float(absolute_errors(answers.probabilities, shown.levels, scale).mean()),
        "auc_like": _auc(p_like, liked),
        "auc_within": _mean([_auc(p_like[own], liked[own]) for own in _own(shown.users)]),
        f"ndcg_like@{CUTOFF}": _ndcg(shown.users, p_like, liked),
        "auc_low": _auc(p_like[low], liked[low]),
        "ece_low": calibration.ece(p_like[low], liked[low]) if low.any() else None,
        f"auc_far@{FAR}": _auc(p_like[far], liked[far]),
    }
    scores = p_like if answers.scores is None else np.asarray(answers.scores, dtype=np.float64)
    per_user = _gems(shown.users[low], shown.items[low], scores[low], liked[low])
    for name, found in per_user.items():
        metrics[name] = float(found.mean()) if len(found) else None
    base = metrics["base"]
    for k in GEM_LISTS:
        gems = metrics[f"gems@{k}"]
        metrics[f"lift@{k}"] = gems / base if base and gems is not None else None
    if listed is not None:
        found, per_user[f"finds@{LISTED}"] = _finds(shown, p_like, liked, listed)
        metrics |= found
    by_decile = _by_decile(shown.deciles, p_like, liked)
    return Discovery(metrics, by_decile, per_user, np.unique(shown.users[low]))


def _gems(
    users: IntArray, items: IntArray, scores: FloatArray, liked: BoolArray
) -> dict[str, FloatArray]:
    """Each user's share of liked gems: in the first k, in all of them, and at best."""
    order = np.lexsort((items, -scores, users))
    places = _places(users[order])
    owner = np.unique(users, return_inverse=True)[1]
    n, n_liked = np.bincount(owner), np.bincount(owner, weights=liked)
    found: dict[str, FloatArray] = {"base": n_liked / np.maximum(n, 1)}
    for k in GEM_LISTS:
        hits = np.bincount(owner[order], weights=liked[order] & (places < k))
        found[f"gems@{k}"] = hits / np.minimum(k, n)
        found[f"best@{k}"] = np.minimum(n_liked, k) / np.minimum(k, n)
    return found


def _finds(
    shown: Shown, p_like: FloatArray, liked: BoolArray, listed: Listed
) -> tuple[dict[str, float | None], FloatArray]:
    """Figures of as many finds as our model's, and how many liked ones each user with gems has."""
    hardly = np.flatnonzero(listed.hardly & shown.is_unlikely)
    finds = listed.finds & shown.is_unlikely
    n_finds = int(np.minimum(np.bincount(shown.users[finds]), LISTED).sum())
    own = hardly[np.lexsort((shown.items[hardly], -p_like[hardly], shown.users[hardly]))]
    best = own[_places(shown.users[own]) < LISTED]
    taken = best[np.argsort(-p_like[best], kind="stable")[:n_finds]]
    base = _share(liked[hardly])
    found = _share(liked[taken])
    figures = {
        f"finds@{LISTED}": found,
        "finds_promised": _share(p_like[taken]),
        "finds_base": base,
        f"finds_lift@{LISTED}": found / base if found is not None and base else None,
        "n_finds": float(n_finds),
        "finders": float(len(np.unique(shown.users[taken]))),
    }
    users = np.unique(shown.users[shown.is_unlikely])
    hits = np.bincount(
        np.searchsorted(users, shown.users[taken]), weights=liked[taken], minlength=len(users)
    )
    return figures, hits.astype(np.float64)


def _places(owners: IntArray) -> IntArray:
    """The place of each entry among those of its owner, from 0; owners stand together."""
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
        table["predicted"].append(float(p_like[here].mean()) if here.any() else None)
        table["observed"].append(float(liked[here].mean()) if here.any() else None)
        table["auc"].append(_auc(p_like[here], liked[here]))
    return table


def _ndcg(users: IntArray, p_like: FloatArray, liked: BoolArray) -> float | None:
    """NDCG of each user's own test items, those of equal P(like) in the order they stand."""
    found = []
    for own in _own(users):
        first = np.argsort(-p_like[own], kind="stable")[:CUTOFF]
        hits = np.zeros((1, CUTOFF), dtype=bool)
        hits[0, : len(first)] = liked[own][first]
        found.append(float(ranking.ndcg(hits, np.array([liked[own].sum()]))[0]))
    return _mean(found)


def _own(users: IntArray) -> list[IntArray]:
    """Where each user's pairs stand."""
    order = np.argsort(users, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(users[order])) + 1)


def _auc(p_like: FloatArray, liked: BoolArray) -> float | None:
    """The AUC; None where all outcomes are the same, or there are none."""
    found = calibration.auc(p_like, liked) if len(liked) else float("nan")
    return None if np.isnan(found) else found


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None and not np.isnan(value)]
    return float(np.mean(known)) if known else None
