"""Lists of each kind for the people of a split: a model's own, or by rule from its scores."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from conv4rec.errors import SettingError
from conv4rec.evaluate.blocks import row_blocks
from conv4rec.evaluate.consume_ranks import (
    BEYOND,
    ConsumeRanker,
    beyond_top,
    history_mask,
    ranks_of,
)
from conv4rec.evaluate.ranking import top_k
from conv4rec.evaluate.rated_pairs import expected_of, p_like_of
from conv4rec.evaluate.scorer import FloatArray, IntArray, Scorer

if TYPE_CHECKING:
    import polars as pl

    from conv4rec.data.interactions import Interactions
    from conv4rec.data.splits import Split

KINDS = ("consume", "like", "rating", "discover")
BY_RULE = "discover_by_rule"
"""Discovery lists by rule, of a model that also makes its own discovery lists."""
MIN_RATINGS = 5
"""Least training ratings of an item in a discovery list by rule."""


@dataclass(frozen=True, eq=False)
class ItemLists:
    """Lists of one kind, one for each person."""

    items: IntArray
    """People × k item numbers, -1 where a list is short."""
    p_like: FloatArray | None = None
    """People × k; None from a model without P(like)."""
    widths: FloatArray | None = None
    """Width of the 90% interval of P(like); None where there is none."""


@dataclass(frozen=True)
class ListRules:
    """Rules for lists made from the scores of any model.

    Raises:
        SettingError: A value is out of range.
    """

    like_level: int
    """Number of the first level that counts as liked."""
    k: int = 10
    """Length of the lists, at most."""
    beyond: int = BEYOND
    """A discovery has a consume rank above this number."""
    min_ratings: int = MIN_RATINGS
    """Least training ratings of a discovery."""

    def __post_init__(self) -> None:
        if self.k < 1 or self.beyond < 0 or self.min_ratings < 0:
            raise SettingError(
                "k must be at least 1, beyond and min_ratings at least 0; got "
                f"{self.k}, {self.beyond} and {self.min_ratings}"
            )


@runtime_checkable
class ListMaker(Protocol):
    """A model that makes its own lists, as `Conv4Rec` does."""

    def recommend_blocks(
        self, users: Any = None, k: int = 10, *, by: str = "consume"
    ) -> Iterator[pl.DataFrame]:
        """Frames of user_id, item_id, rank, p_like[, p_like_low, p_like_high]."""
        ...


def own_lists(model: ListMaker, given: Interactions, rows: IntArray, by: str, k: int) -> ItemLists:
    """The lists that a model recommends to some people, from their histories.

    Args:
        model: Its `recommend_blocks` is called with the kind and k; other options are defaults.
        given: The histories.
        rows: Numbers of the people, ascending.
        by: The kind of list.
        k: Length of the lists, at most.
    """
    shape = (len(rows), k)
    items = np.full(shape, -1, dtype=np.int64)
    p_like, widths = np.full(shape, np.nan), np.full(shape, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # short lists are counted by a metric
        for frame in model.recommend_blocks(given.take_users(rows), k, by=by):
            people = np.searchsorted(rows, given.users.numbers(frame["user_id"]))
            at = people, frame["rank"].to_numpy() - 1
            items[at] = given.items.numbers(frame["item_id"])
            p_like[at] = frame["p_like"].to_numpy()
            if "p_like_low" in frame.columns:
                widths[at] = (frame["p_like_high"] - frame["p_like_low"]).to_numpy()
    has_widths = not np.isnan(widths).all()
    return ItemLists(items, p_like, widths if has_widths else None)


def lists_by_rule(
    scorer: Scorer,
    ranker: ConsumeRanker,
    split: Split,
    rows: IntArray,
    rules: ListRules,
    max_memory_mb: float = 512.0,
) -> dict[str, ItemLists]:
    """Lists of any scorer, by kind; a kind is left out if the scorer has no output for it.

    "consume" is ranked by `rank_scores`, "like" by P(like), "rating" by the expected rating, and
    "discover" by P(like) (without it, by the expected rating) among the items that are
    `beyond_top` and have enough training ratings. Items of the history are not listed.

    Args:
        scorer: Fitted.
        ranker: Defines the consume ranks; use the same one for all models that are compared.
        split: The histories, and the training log in which ratings of an item are counted.
        rows: Numbers of the people.
        rules: Length and filters.
        max_memory_mb: As in `evaluate`; level probabilities are computed for 100,000 pairs at a
            time.
    """
    given, train = split.given, split.train
    rated = train.item_numbers[train.level_numbers >= 0]
    supported = np.bincount(rated, minlength=train.n_items) >= rules.min_ratings
    found: dict[str, list[ItemLists]] = {}
    for block in row_blocks(rows, train.n_items, max_memory_mb):
        seen = history_mask(given, block)
        likes, expected = _catalogue(scorer, given, block, rules.like_level)
        best = expected if likes is None else likes
        ranked = {"consume": scorer.rank_scores(given, block), "like": likes, "rating": expected}
        if best is not None:
            far = beyond_top(ranks_of(ranker, given, block), rules.beyond) & supported
            ranked["discover"] = np.where(far, best, -np.inf)
        for kind, scores in ranked.items():
            if scores is None:
                continue
            items = top_k(np.where(seen, -np.inf, scores), rules.k)
            p_like = None
            if likes is not None:
                probabilities = np.take_along_axis(likes, np.maximum(items, 0), axis=1)
                p_like = np.where(items >= 0, probabilities, np.nan)
            found.setdefault(kind, []).append(ItemLists(items, p_like))
    return {kind: _joined(parts) for kind, parts in found.items()}


def _catalogue(
    scorer: Scorer, given: Interactions, block: IntArray, like_level: int
) -> tuple[FloatArray | None, FloatArray | None]:
    """P(like) and the expected rating of every item: rows × items each, or None."""
    shape = (len(block), given.n_items)
    rows, items = np.repeat(block, given.n_items), np.tile(np.arange(given.n_items), len(block))
    likes = p_like_of(scorer, given, rows, items, like_level)
    expected = expected_of(scorer, given, rows, items)
    return tuple(each if each is None else each.reshape(shape) for each in (likes, expected))  # pyright: ignore[reportReturnType]


def _joined(parts: list[ItemLists]) -> ItemLists:
    likes = [part.p_like for part in parts if part.p_like is not None]
    return ItemLists(
        np.concatenate([part.items for part in parts]), np.concatenate(likes) if likes else None
    )
