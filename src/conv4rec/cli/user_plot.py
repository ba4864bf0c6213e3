"""What is drawn of one user: every unseen item, the likeliest ones and the discoveries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from conv4rec.errors import DataError, SettingError

if TYPE_CHECKING:
    from conv4rec.recommender import Conv4Rec
    from conv4rec.recommender.discovery import DiscoveryCriteria


@dataclass(frozen=True)
class UserPlot:
    """What is drawn of one user: see `user_plot_of`."""

    user: int | str
    items: pl.DataFrame
    """Every item that is not in the history, in falling order of P(consume): the rows of
    `Conv4Rec.recommend(by="discover")`."""
    likely: list[int]
    """Rows of the items that are likeliest to be consumed."""
    discoveries: list[int]
    """Rows of the discoveries, best first."""
    names: Mapping[Any, str]
    """Titles by item id."""
    boundary: float
    """P(consume) below which an item is novel."""
    like: str
    """The lowest rating that counts as liking."""
    asked: DiscoveryCriteria

    def name(self, item: Any) -> str:
        """The title of an item, or its id."""
        return self.names.get(item) or str(item)


def user_plot_of(
    model: Conv4Rec, user: Any, k: int, asked: DiscoveryCriteria, names: Mapping[Any, str]
) -> UserPlot:
    """Ask a model about everything that one user has not consumed.

    Args:
        model: fitted.
        user: a user id or a history (see `Conv4Rec.recommend`).
        k: how many likely items and how many discoveries to mark.
        asked: what counts as a discovery.
        names: titles by item id.

    Raises:
        SettingError: There is more than one user, or a value is out of range.
        DataError: The user has consumed everything.
    """
    import warnings

    with warnings.catch_warnings():  # fewer discoveries than asked for: the picture shows it
        warnings.filterwarnings("ignore", message=r".* lists are shorter than k=")
        best = model.recommend(user, k, by="discover", **asdict(asked))
        everything = model.recommend(
            user, model.interactions_.n_items, by="discover", novelty=0,
            confidence=asked.confidence, min_p_like=0,
        )  # fmt: skip
    if everything.height == 0:
        raise DataError("there is nothing to draw: this user has consumed every item")
    if everything["user_id"].n_unique() > 1:
        raise SettingError("a picture is of one user: give a history of one")
    items = everything.sort("consume_rank")
    place = {item: row for row, item in enumerate(items["item_id"])}
    levels = model.interactions_.levels
    discoveries = [place[item] for item in best["item_id"]]
    likely = [row for row in range(min(k, items.height)) if row not in discoveries]
    like = f"{levels.like_threshold(model.like_threshold):g}"
    n_consumed = model.interactions_.n_items - items.height
    edge = _edge(items["p_consume"], asked, n_consumed)
    return UserPlot(items["user_id"][0], items, likely, discoveries, names, edge, like, asked)


def _edge(probabilities: pl.Series, asked: DiscoveryCriteria, n_consumed: int) -> float:
    """P(consume) of the likeliest novel item; `probabilities` fall."""
    head = np.zeros(len(probabilities), dtype=bool)  # the line leaves the short head out
    log_p = np.log(probabilities.to_numpy())[None]
    is_novel = asked.novel(log_p, np.array([n_consumed]), head)[0]
    return float(probabilities[int(np.argmax(is_novel))] if is_novel.any() else probabilities[-1])
