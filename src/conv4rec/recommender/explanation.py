"""Why: what every item of a person's history adds to a score."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import torch

from conv4rec.data import Interactions
from conv4rec.data.ids import shown
from conv4rec.errors import SettingError
from conv4rec.model.attribution import consume_attribution, entry_encodings
from conv4rec.model.like_attribution import like_attribution
from conv4rec.model.readouts import p_like
from conv4rec.recommender.discovery import DiscoveryCriteria
from conv4rec.recommender.list_scores import ListSpec, Norms, list_scores
from conv4rec.recommender.scoring import Scoring
from conv4rec.recommender.uncertainty import log_odds
from conv4rec.train.batches import Batches

EXPLAINED = ("consume", "like", "discover")


class Explainer:
    """What each item of one person's history adds to the scores of items.

    Args:
        scoring: the network and what it is served with.
        histories: of which one row is read.
        row: whose.
        like_level: number of the first level that counts as liking.
    """

    def __init__(
        self, scoring: Scoring, histories: Interactions, row: int, like_level: int
    ) -> None:
        self.model, self.like_level = scoring.model, like_level
        person = histories.take_users(np.array([row], dtype=np.int64))
        device = scoring.item_side.type_counts.device
        history = Batches.from_interactions(person, str(device)).whole
        self.entries = entry_encodings(self.model, history, scoring.item_side)
        self.items, self.levels = person.item_numbers, person.level_numbers
        self.n_items = histories.n_items

    def parts(self, items: np.ndarray, by: str) -> tuple[np.ndarray, np.ndarray]:
        """The base (items) and what each entry adds (entries x items), float64: they sum up.

        For "consume" to log P(consume) less its mean over the items not in the history, for
        "like" and "discover" to the log-odds of P(like). Where every level counts as liking,
        P(like) is 1 and there is nothing to say: all parts are 0.
        """
        at = torch.as_tensor(items, dtype=torch.long, device=self.entries.rate.device)
        if by == "consume":
            unseen = np.ones(self.n_items, dtype=bool)
            unseen[self.items] = False
            if not unseen.any():  # nothing is left to be likelier than
                unseen[:] = True
            among = torch.from_numpy(np.flatnonzero(unseen)).to(at.device)
            parts = consume_attribution(self.model, self.entries, at, among)
            parts.contribution[:, torch.from_numpy(np.isin(items, self.items))] = (
                0.0  # never picked again
            )
        elif self.like_level == 0:
            return np.zeros(len(items)), np.zeros((len(self.items), len(items)))
        else:
            parts = like_attribution(self.model, self.entries, at, self.like_level)
        return parts.base.cpu().numpy(), parts.contribution.cpu().numpy()


def check_explained(by: str, like_level: int) -> None:
    """Raise unless scores of this kind can be explained.

    Raises:
        SettingError: They cannot, or every rating counts as liking.
    """
    if by not in EXPLAINED:
        raise SettingError(f"what is explained is by {', '.join(EXPLAINED)}; got by={by!r}")
    if by != "consume" and like_level == 0:
        raise SettingError(
            "every rating of this scale counts as liking, so P(like) is 1 for all items: "
            "set a higher like_threshold to have reasons for it"
        )


def explained(
    scoring: Scoring,
    histories: Interactions,
    item: int,
    by: str,
    like_level: int,
    confidence: float,
    norms: Norms | None,
) -> pl.DataFrame:
    """The answer of `Conv4Rec.explain`.

    Raises:
        SettingError: There is more than one person, or the item was consumed.
    """
    if histories.n_users != 1:
        raise SettingError(f"an explanation is of one person; got {histories.n_users:,}")
    reasons = Explainer(scoring, histories, 0, like_level)
    if by == "consume" and item in reasons.items:
        raise SettingError(
            f"item {shown(histories.items.ids(np.array([item]))[0])} is in the history and is not "
            "picked again: explain another item, or by='like'"
        )
    base, contribution = reasons.parts(np.array([item]), by)
    if by == "discover" and norms is not None:
        base = base - _held_against(scoring, histories, item, like_level, confidence, norms)
    return _frame(float(base[0]), contribution[:, 0], reasons, histories)


def _held_against(
    scoring: Scoring,
    histories: Interactions,
    item: int,
    like_level: int,
    confidence: float,
    norms: Norms,
) -> float:
    """By how much the score of a find lies below the log-odds of P(like): doubt, and its price."""
    scores = scoring.score(histories, np.zeros(1, dtype=np.int64))
    surely = ListSpec("like", like_level, DiscoveryCriteria(confidence=confidence))
    found = list_scores(scoring, scores, histories, surely, norms)[0, item]
    p_rating = scoring.rating_probabilities(
        scores.encoding, np.zeros(1, np.int64), np.array([item])
    )
    return float(log_odds(p_like(p_rating, like_level))[0] - found + norms.prices["discover"][item])


def _frame(
    base: float, contribution: np.ndarray, reasons: Explainer, known: Interactions
) -> pl.DataFrame:
    """One row for the base and one for each item of the history, what speaks most for it first."""
    order = np.argsort(-contribution, kind="stable")
    values = [*known.levels.values, None]  # number -1 is the last
    ratings = [values[level] for level in reasons.levels[order].tolist()]
    rows = pl.DataFrame(
        {
            "item_id": known.items.ids(reasons.items[order]),
            "rating": pl.Series(ratings, dtype=pl.Float64),
            "contribution": contribution[order],
        }
    )
    first = {"item_id": None, "rating": None, "contribution": base}
    return pl.concat([pl.DataFrame([first], schema=rows.schema), rows])


def reason_columns(
    parts: list[tuple[np.ndarray, Explainer]], n_reasons: int, known: Interactions
) -> dict[str, Any]:
    """The columns of a list with reasons: reason_<n> (an item id) and reason_<n>_adds.

    Only what speaks for an item is a reason; where there are fewer, the rest is null.

    Args:
        parts: for each person of the list in turn, what each entry adds to each item listed.
        n_reasons: how many.
        known: names the items.
    """
    numbers, adds = [], []
    for contribution, reasons in parts:
        n_found = min(n_reasons, len(contribution))
        best = np.argsort(-contribution, axis=0, kind="stable")[:n_found]
        number = np.full((n_reasons, contribution.shape[1]), -1, dtype=np.int64)
        added = np.zeros((n_reasons, contribution.shape[1]))
        number[:n_found] = reasons.items[best]
        added[:n_found] = np.take_along_axis(contribution, best, axis=0)
        number[added <= 0] = -1
        numbers.append(number)
        adds.append(added)
    empty = np.zeros((n_reasons, 0))
    number = np.concatenate([empty.astype(np.int64), *numbers], axis=1)
    added = np.concatenate([empty, *adds], axis=1)
    columns: dict[str, Any] = {}
    for place in range(n_reasons):
        there = number[place] >= 0
        ids = known.items.ids(np.where(there, number[place], 0)) if len(there) else None
        dtype = known.items.to_series().dtype
        named = pl.Series([], dtype=dtype) if ids is None else ids
        mask = pl.Series(there, dtype=pl.Boolean)
        columns[f"reason_{place + 1}"] = named.zip_with(mask, pl.Series([None], dtype=dtype))
        said_so = pl.Series(added[place], dtype=pl.Float32)
        columns[f"reason_{place + 1}_adds"] = said_so.zip_with(
            mask, pl.Series([None], dtype=pl.Float32)
        )
    return columns
