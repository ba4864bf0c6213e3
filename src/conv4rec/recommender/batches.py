"""Lists for batches of users, for engines that run on many machines: Ray Data, Spark, Dask.

The engine moves the batches and starts the workers. `RecommendBatches` is what a worker runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from conv4rec.errors import DataError
from conv4rec.recommender.conv4rec import Conv4Rec

MODELS = 2  # that a process keeps loaded


class RecommendBatches:
    """A callable that pickles: a table of users in, a table of their lists out.

    A batch with user_id alone is of training users. With item_id (and rating) its rows are the
    histories of any users: all rows of a user must be in one batch. The columns are those of
    `Conv4Rec.recommend` with `fallback`, the table is of the library of the batch (Arrow,
    pandas or polars).

    Args:
        folder: of the saved model; every worker must see it. A process loads it once, by memory
            map.
        k: items of each list.
        **request: passed to `Conv4Rec.recommend` (by=, allow=, block=, ...).

    Raises:
        SavedModelError: The folder is not a model, or damaged: said here, before any worker runs.
        DataError: A batch has no column user_id, or two users of one id.

    >>> import tempfile
    >>> log = pl.DataFrame(
    ...     {"user_id": [1, 1, 2, 2], "item_id": [1, 2, 1, 3], "rating": [5, 4, 3, 2]})
    >>> folder = tempfile.mkdtemp() + "/model"
    >>> _ = Conv4Rec(n_steps=2).fit(log).save(folder)
    >>> RecommendBatches(folder, k=1)(pl.DataFrame({"user_id": [1, 2]}))["user_id"].to_list()
    [1, 2]
    """

    def __init__(self, folder: str | os.PathLike[str], k: int = 10, **request: Any) -> None:
        self.folder, self.request = os.path.abspath(folder), {"k": k, **request}
        _model(*self._version())

    def __call__(self, batch: Any) -> Any:
        """The lists of the users of one batch."""
        frame = nw.from_native(batch, eager_only=True)
        if "user_id" not in frame.columns:
            raise DataError(
                f"a batch has a column user_id; this one has {', '.join(map(str, frame.columns))}"
            )
        is_history = "item_id" in frame.columns
        users = batch if is_history else frame["user_id"].to_list()
        found = self._lists(users)
        if frame.implementation.is_pyarrow():
            return found.to_arrow()
        return found.to_pandas() if frame.implementation.is_pandas() else found

    def arrow_batches(self, batches: Iterator[Any]) -> Iterator[Any]:
        """The same for an iterator of Arrow record batches: what Spark's `mapInArrow` passes."""
        import pyarrow

        for batch in batches:
            if batch.num_rows:
                yield from self(pyarrow.Table.from_batches([batch])).to_batches()

    def schema(self) -> Any:
        """The Arrow schema of the lists, which Spark and Dask ask for beforehand."""
        first = (
            _model(*self._version()).check_fitted().users.ids(np.zeros(1, dtype=np.int64)).to_list()
        )
        return self._lists(first).to_arrow().schema

    def _lists(self, users: Any) -> pl.DataFrame:
        """The lists of some users; `fallback` is there even if nobody needs it, for the schema."""
        found = _model(*self._version()).recommend(users, **self.request)
        if "fallback" in found.columns:
            return found
        return found.with_columns(fallback=pl.lit(None, pl.String))

    def _version(self) -> tuple[str, int]:
        """Another model saved in the same folder is loaded again."""
        manifest = Path(self.folder, "manifest.json")
        return self.folder, manifest.stat().st_mtime_ns if manifest.exists() else 0


@lru_cache(maxsize=MODELS)
def _model(folder: str, version: int) -> Conv4Rec:
    del version  # is of the cache alone
    return Conv4Rec.load(folder)
