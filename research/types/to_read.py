"""Does a second type help the ratings? goodbooks-10k with and without its wish lists."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import polars as pl

from conv4rec import Conv4Rec
from conv4rec.data import Events, Ids, Interactions, Split, load_dataset
from conv4rec.evaluate import evaluate
from conv4rec.recommender.event_answers import NEXT
from conv4rec.recommender.event_scorer import ConvEventScorer
from conv4rec.recommender.scorer import ConvScorer

METRICS = ("rmse", "nll", "ndcg@20", "recall@20")
FEWEST = 10  # ratings of a user
RATING, WISH = "rating", "to_read"


class _WithTypes:
    """A model of both types, asked of ratings: what is rated next, and how.

    Ranked is by P(i | the next event is a rating), by P(i) of the next event of any type, or by
    P(consume), for which a wish is an item consumed without a rating.
    """

    def __init__(self, model: Conv4Rec, log: Events, by: str) -> None:
        self.model, self.by = model, by
        self.ranks, self.rates = ConvEventScorer(model), ConvScorer(model)
        self.log, self.pairs = log, log.interactions()

    def rank_scores(self, given: Interactions, rows: np.ndarray) -> np.ndarray:
        """Log P(i), given the wishes too: rows x items."""
        del given
        if self.by == "consume":
            return self.rates.rank_scores(self.pairs, rows)
        if self.by == NEXT and (events := self.model.events_) is not None:
            parts = [self.log.take_users(rows[block]) for block in events.blocks(len(rows))]
            return np.concatenate([events.scores(part, NEXT) for part in parts])
        return self.ranks.target_scores(self.log, rows, RATING)

    def rank_log_probabilities(self, given: Interactions, rows: np.ndarray) -> None:
        """None: P(i) is compared by its ranking alone."""

    def rating_probabilities(
        self, given: Interactions, rows: np.ndarray, items: np.ndarray
    ) -> np.ndarray:
        """P(level | i, ratings and wishes)."""
        del given
        return self.rates.rating_probabilities(self.pairs, rows, items)

    def expected_ratings(
        self, given: Interactions, rows: np.ndarray, items: np.ndarray
    ) -> np.ndarray:
        """The expected rating."""
        del given
        return self.rates.expected_ratings(self.pairs, rows, items)


def parts(n_users: int, draw: int) -> tuple[Split, pl.DataFrame]:
    """A random tenth of the ratings of some users held out, and the wishes of these users."""
    rows = load_dataset("goodbooks-10k").frame.unique(
        ["user_id", "item_id"], keep="last", maintain_order=True
    )
    long = rows.group_by("user_id").len().filter(pl.col("len") >= FEWEST)["user_id"].sort()
    rng = np.random.default_rng(draw)
    users = pl.Series(rng.choice(long.to_numpy(), min(n_users, len(long)), replace=False))
    rows = rows.filter(pl.col("user_id").is_in(users.implode()))
    wishes = load_dataset("goodbooks-10k+to_read").frame.filter(type=WISH)
    wishes = wishes.filter(pl.col("user_id").is_in(users.implode()))
    items = Ids.from_values(pl.concat([rows["item_id"], wishes["item_id"]]), "item")
    log = Interactions.from_frame(rows, items=items)
    in_test = np.zeros(len(log), dtype=bool)
    in_test[rng.permutation(len(log))[: len(log) // 10]] = True
    train = log.select(~in_test)
    return Split(f"goodbooks-10k/{n_users}-users", train, train, log.select(in_test)), wishes


def compare(n_users: int, seed: int, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """The figures of both models on one sample of users, drawn with the same seed."""
    split, wishes = parts(n_users, seed)
    both = pl.concat(
        [split.train.to_frame().with_columns(type=pl.lit(RATING)), wishes], how="diagonal"
    )
    events = Events.from_frame(
        both, users=split.train.users, items=split.train.items, levels=split.train.levels
    )
    sizes = {"users": split.train.n_users, "items": split.train.n_items, "wishes": wishes.height,
             "train": len(split.train), "test": len(split.test)}  # fmt: skip
    found = []

    def measure(name: str, scorer: Any, cpu_s: float) -> None:
        metrics = evaluate(scorer, split).metrics
        figures = {name: metrics[name] for name in METRICS}
        found.append({"log": name, "seed": seed, **sizes, **figures, "cpu_s": round(cpu_s)})

    model, cpu_s = _fitted(split.train, seed, settings)
    measure("ratings", ConvScorer(model), cpu_s)
    model, cpu_s = _fitted(events, seed, settings)
    for by in (RATING, NEXT, "consume"):
        measure(f"ratings and wishes, by {by}", _WithTypes(model, events, by), cpu_s)
    return found


def _fitted(
    log: Events | Interactions, seed: int, settings: dict[str, Any]
) -> tuple[Conv4Rec, float]:
    """A model, and the processor seconds of its fit."""
    started = time.process_time()
    return Conv4Rec(seed=seed, **settings).fit(log), time.process_time() - started
