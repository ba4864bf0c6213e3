"""One person's outlook: every item left, the natural picks and the finds, ready to be drawn."""

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

N_REASONS = 2  # told for each item


@dataclass(frozen=True)
class UserPlot:
    """What is drawn of one person: see `user_plot_of`."""

    user: int | str
    items: pl.DataFrame
    """Every item not in the history, the likeliest pick first: as `Conv4Rec.recommend` lists
    finds, with a title or null."""
    picks: list[int]
    """Rows of the natural picks, likeliest first."""
    criteria: list[int]
    """Rows of the finds, best first."""
    names: Mapping[Any, str]
    """Titles by item id."""
    boundary: float
    """P(consume) below which an item is hardly picked."""
    like: str
    """The lowest rating that counts as liking."""
    asked: DiscoveryCriteria

    def name(self, item: Any) -> str:
        """The title of an item, or its id."""
        return self.names.get(item) or str(item)

    def reasons(self, row: Mapping[str, Any]) -> list[Any]:
        """The items of the history that speak most for an item, at most `N_REASONS`."""
        ids = [row.get(f"reason_{place + 1}") for place in range(N_REASONS)]
        return [id for id in ids if id is not None]


def user_plot_of(
    model: Conv4Rec, person: Any, k: int, asked: DiscoveryCriteria, names: Mapping[Any, str]
) -> UserPlot:
    """Ask a model about everything that one person has not consumed.

    Args:
        model: fitted.
        person: a user id or a history (see `Conv4Rec.recommend`).
        k: how many picks and how many finds to mark.
        asked: what counts as a find.
        names: titles by item id.

    Raises:
        SettingError: There is more than one person, or a value is out of range.
        DataError: The person has consumed everything.
    """
    import warnings

    with warnings.catch_warnings():  # fewer finds than asked for: the picture shows it
        warnings.filterwarnings("ignore", message=r".* lists are shorter than k=")
        best = model.recommend(person, k, by="discover", **asdict(asked))
        reasons = N_REASONS if model.like_level_ else 0
        everything = model.recommend(
            person, model.interactions_.n_items, by="discover", novelty=0, confidence=asked.confidence,
            min_p_like=0, reasons=reasons,
        )  # fmt: skip
    if everything.height == 0:
        raise DataError("there is nothing to draw: this person has consumed every item")
    if everything["user_id"].n_unique() > 1:
        raise SettingError("a picture is of one person: give a history of one")
    items = everything.sort("consume_rank")
    place = {item: row for row, item in enumerate(items["item_id"])}
    levels = model.interactions_.levels
    criteria = [place[item] for item in best["item_id"]]
    picks = [row for row in range(min(k, items.height)) if row not in criteria]
    like = f"{levels.like_threshold(model.like_threshold):g}"
    n_consumed = model.interactions_.n_items - items.height
    edge = _edge(items["p_consume"], asked, n_consumed)
    return UserPlot(items["user_id"][0], items, picks, criteria, names, edge, like, asked)


def _edge(probabilities: pl.Series, asked: DiscoveryCriteria, n_consumed: int) -> float:
    """P(consume) of the likeliest item that is hardly picked; `probabilities` fall."""
    everyone = np.zeros(len(probabilities), dtype=bool)  # the line is drawn for items of no fame
    log_p = np.log(probabilities.to_numpy())[None]
    hardly = asked.novel(log_p, np.array([n_consumed]), everyone)[0]
    return float(probabilities[int(np.argmax(hardly))] if hardly.any() else probabilities[-1])
