"""Held-out rows over the items and levels of a model."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import polars as pl

from conv4rec.data import Interactions
from conv4rec.data.ids import text_roles
from conv4rec.data.tables import read_columns
from conv4rec.errors import DataError
from conv4rec.recommender import Conv4Rec


def held_out_rows(model: Conv4Rec, table: Any) -> Interactions:
    """A log over the model's items and levels; rows of items it does not know are left out.

    Args:
        model: fitted.
        table: frame or file with user_id, item_id and rating.

    Raises:
        DataError: The table cannot be used, or has no item of the model's catalogue.
    """
    trained = model.interactions_
    as_text = text_roles(trained.users, trained.items)
    frame = read_columns(table, as_text=as_text, lenient=("timestamp",)).frame
    known = trained.items.numbers(frame["item_id"]) >= 0
    if not known.any():
        raise DataError("no held-out row is of an item of the model's catalogue")
    if not known.all():
        warnings.warn(
            f"{int((~known).sum()):,} of {len(known):,} held-out rows are of items that the model "
            "does not know: they were left out, so the results do not cover such items",
            stacklevel=2,
        )
    kept = frame.filter(pl.Series(np.asarray(known)))
    return Interactions.from_frame(kept, levels=trained.levels, items=trained.items)
