"""Evaluation of lists: their quality, and whether their items would be liked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from conv4rec.errors import DataError, SettingError
from conv4rec.evaluate.blocks import row_blocks
from conv4rec.evaluate.consume_ranks import BEYOND, ConsumeRanker, ranks_of
from conv4rec.evaluate.item_lists import (
    BY_RULE,
    KINDS,
    MIN_RATINGS,
    ItemLists,
    ListMaker,
    ListRules,
    lists_by_rule,
    own_lists,
)
from conv4rec.evaluate.list_quality import ListQuality, quality_of_lists
from conv4rec.evaluate.off_policy import OffPolicy, compare_shown, liked_if_shown
from conv4rec.evaluate.propensity import Propensity
from conv4rec.evaluate.rated_pairs import RatedTestPairs, expected_of, p_like_of, rated_test_pairs
from conv4rec.evaluate.scorer import FloatArray, IntArray, Scorer
from conv4rec.evaluate.uncertainty import Difference
from conv4rec.evaluate.unlikely import UnlikelyPairs, compare_unlikely, evaluate_unlikely

if TYPE_CHECKING:
    from conv4rec.data.splits import Split

NEUTRAL, RANKER = "neutral", "ranker"
"""What defines the consume ranks: `Propensity`, or the model given as `ranker`."""


@dataclass(frozen=True, eq=False)
class ListsEvaluation:
    """The metrics of one model's lists on one split."""

    split: str
    k: int
    beyond: int
    quality: dict[str, ListQuality]
    """By kind of list."""
    shown: dict[str, OffPolicy]
    """Estimated share that would be liked if shown, by kind of list."""
    unlikely: dict[str, UnlikelyPairs]
    """Metrics over test pairs that were unlikely to be consumed, by what defines the consume
    ranks: "neutral" and, if a ranker was given, "ranker". Empty for a model that does not rate."""

    def to_dict(self) -> dict[str, Any]:
        """All metrics by name, rounded to five digits."""
        kinds = {kind: self.quality[kind].to_dict() | {"liked_if_shown": self.shown[kind].to_dict()}
                 for kind in self.quality}  # fmt: skip
        unlikely = {name: found.to_dict() for name, found in self.unlikely.items()}
        return _rounded({"k": self.k, "beyond": self.beyond, "kinds": kinds, "unlikely": unlikely})


def evaluate_lists(
    model: Scorer | Mapping[str, ItemLists],
    split: Split,
    *,
    ranker: ConsumeRanker | None = None,
    k: int = 10,
    beyond: int = BEYOND,
    min_ratings: int = MIN_RATINGS,
    like_threshold: float | None = None,
    max_memory_mb: float = 512.0,
) -> ListsEvaluation:
    """Measure each kind of list that a model makes for the people of a split's test part.

    A model with `recommend_blocks` (`Conv4Rec`) makes its own lists; for any other scorer they
    are made by rule (see `lists_by_rule`). For a model with its own lists, the kind
    "discover_by_rule" holds its discovery lists by the rule, to compare with other models. The
    consume ranks, and so the discovery lists by rule, depend on `ranker`: give the same one for
    all models that are compared.

    Args:
        model: A model fitted on `split.train`; or finished lists by kind, one list for each user
            with a test interaction.
        split: Histories at inference and test interactions.
        ranker: Defines the consume ranks; popularity among equally active people by default.
        k: Length of the lists, at most.
        beyond: An item is unlikely to be consumed if its consume rank is above this number.
        min_ratings: Least training ratings of a discovery, in lists by rule.
        like_threshold: Lowest rating that counts as liked; the scale's own default if left out.
        max_memory_mb: As in `evaluate`.

    Raises:
        SettingError: `k` or `beyond` is out of range, or lists belong to other people.
        DataError: The split has no test interaction.
    """
    rules = ListRules(split.train.levels.like_level(like_threshold), k, beyond, min_ratings)
    rows = np.flatnonzero(np.diff(split.test.starts))
    if len(rows) == 0:
        raise DataError(f"split {split.name!r} has no test interaction: nothing can be measured")
    neutral = Propensity.of(split)
    chosen = neutral if ranker is None else ranker
    if isinstance(model, Mapping):
        lists = dict(model)
    elif isinstance(model, ListMaker):
        lists = {kind: own_lists(model, split.given, rows, kind, k) for kind in KINDS}
        by_rule = lists_by_rule(model, chosen, split, rows, rules, max_memory_mb)
        lists[BY_RULE] = by_rule["discover"]
    else:
        lists = lists_by_rule(model, chosen, split, rows, rules, max_memory_mb)
    rankers = {NEUTRAL: neutral} | ({} if ranker is None else {RANKER: ranker})
    test = rated_test_pairs(split, rows, rules.like_level, rankers, max_memory_mb)
    p = neutral.at(split.given, rows[test.people], test.items)
    scores = None if isinstance(model, Mapping) else _scores(model, split, rows, test, rules)
    return ListsEvaluation(
        split=split.name,
        k=k,
        beyond=beyond,
        quality=_quality(lists, chosen, split, rows, max_memory_mb),
        shown={
            kind: liked_if_shown(made.items, test.people, test.items, test.liked, p)
            for kind, made in lists.items()
        },
        unlikely={
            name: evaluate_unlikely(scores, test.liked, test.people, ranks, beyond)
            for name, ranks in test.ranks.items()
            if scores is not None
        },
    )


def compare_lists(first: ListsEvaluation, second: ListsEvaluation) -> dict[str, Any]:
    """First minus second: {"unlikely": {ranker: {metric: ...}}, "liked_if_shown": {kind: ...}}.

    If only the second model makes its own discovery lists, "discover_by_rule" compares the
    lists by rule of both.

    Raises:
        SettingError: They were measured on different pairs or people.
    """
    rankers = [name for name in first.unlikely if name in second.unlikely]
    others = {BY_RULE: first.shown["discover"]} if "discover" in first.shown else {}
    theirs = others | first.shown
    kinds = [kind for kind in theirs if kind in second.shown]
    shown = {kind: compare_shown(theirs[kind], second.shown[kind]) for kind in kinds}
    return {
        "unlikely": {
            name: compare_unlikely(first.unlikely[name], second.unlikely[name]) for name in rankers
        },
        "liked_if_shown": {kind: each for kind, each in shown.items() if each is not None},
    }


def differences_to_dict(found: dict[str, Any]) -> dict[str, Any]:
    """The result of `compare_lists` as nested dicts of rounded numbers."""

    def plain(value: Any) -> Any:
        if isinstance(value, Difference):
            return {name: getattr(value, name) for name in ("mean", "low", "high", "n_users")}
        return {name: plain(each) for name, each in value.items()}

    return _rounded(plain(found))


def _scores(
    model: Scorer, split: Split, rows: IntArray, test: RatedTestPairs, rules: ListRules
) -> FloatArray | None:
    """P(like) of the rated test pairs; without it, the expected rating; None without both."""
    pairs = rows[test.people], test.items
    scores = p_like_of(model, split.given, *pairs, rules.like_level)
    return expected_of(model, split.given, *pairs) if scores is None else scores


def _quality(
    lists: Mapping[str, ItemLists],
    ranker: ConsumeRanker,
    split: Split,
    rows: IntArray,
    max_memory_mb: float,
) -> dict[str, ListQuality]:
    given = split.given
    rated = given.user_numbers[given.level_numbers >= 0]
    n_ratings = np.bincount(rated, minlength=given.n_users)[rows]
    items = {kind: made.items for kind, made in lists.items()}
    ranks = _consume_ranks(ranker, split, rows, items, max_memory_mb)
    return {
        kind: quality_of_lists(
            made.items,
            split.train,
            n_ratings=n_ratings,
            p_like=made.p_like,
            widths=made.widths,
            consume_ranks=ranks[kind],
        )
        for kind, made in lists.items()
    }


def _consume_ranks(
    ranker: ConsumeRanker,
    split: Split,
    rows: IntArray,
    lists: Mapping[str, IntArray],
    max_memory_mb: float,
) -> dict[str, FloatArray]:
    """Consume rank of each listed item, NaN where a list is short."""
    found = {kind: np.full(items.shape, np.nan) for kind, items in lists.items()}
    for kind, items in lists.items():
        if len(items) != len(rows):
            raise SettingError(
                f"there are {len(items)} {kind} lists for {len(rows)} people with a test part: "
                "give one list for each"
            )
    first = 0
    for block in row_blocks(rows, split.train.n_items, max_memory_mb):
        ranks, here = ranks_of(ranker, split.given, block), slice(first, first + len(block))
        for kind, items in lists.items():
            at = np.take_along_axis(ranks, np.maximum(items[here], 0), axis=1)
            found[kind][here] = np.where(items[here] >= 0, at, np.nan)
        first += len(block)
    return found


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return round(value, 5) if isinstance(value, float) else value
