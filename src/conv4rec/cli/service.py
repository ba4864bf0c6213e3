"""One service behind every door: what the command line asks, and later the web."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conv4rec.cli.parsing import id_from_text, is_file_name, settings_from_words
from conv4rec.errors import DataError, SavedModelError, SettingError

if TYPE_CHECKING:
    import polars as pl

    from conv4rec.data import Dataset, Ids, Interactions
    from conv4rec.recommender import Conv4Rec


def load_log(
    data: str, columns: Mapping[str, str] | None = None, **loading: Any
) -> tuple[Interactions, Dataset | None]:
    """A log from a file, or from a named data set, which then comes too.

    Raises:
        DataError: The table cannot be used: names the column and the rows.
        DatasetError: There is no such file and no such data set.
    """
    from conv4rec.data import Interactions, load_dataset

    if is_file_name(data):
        return Interactions.from_frame(data, columns=columns or None, **loading), None
    if columns:
        raise SettingError(f"--columns is for files; the columns of {data!r} are known")
    dataset = load_dataset(data)
    return Interactions.from_frame(dataset.frame, **loading), dataset


def load_titles(source: str | None, ids: Ids) -> dict[Any, str]:
    """Titles by item id, from a named data set or from a table with an item and a title column.

    Args:
        source: a name, a path, or None for no titles.
        ids: the items of the model: says whether ids are integers or strings.

    Raises:
        DataError: The table has no such columns.
        DatasetError: There is no such data set.
    """
    from conv4rec.data import load_dataset
    from conv4rec.data.columns import column_names

    if source is None:
        return {}
    if not is_file_name(source):
        return load_dataset(source).item_titles()
    frame = _any_table(Path(source))
    by_name = {re.sub(r"[\s_\-]", "", name).lower(): name for name in frame.columns}
    title = by_name.get("title") or by_name.get("name")
    if title is None:
        raise DataError(f"{source} has no column title or name; it has {', '.join(frame.columns)}")
    item = column_names(dict.fromkeys([*frame.columns, "user_id"]))["item_id"]
    rows = frame.select(item, title).drop_nulls().iter_rows()
    return {id_from_text(str(id), ids): str(text) for id, text in rows}


def with_titles(frame: pl.DataFrame, titles: Mapping[Any, str]) -> pl.DataFrame:
    """The same rows with a title column after item_id; an item without one has null."""
    import polars as pl

    if not titles:
        return frame
    named = pl.Series("title", [titles.get(id) for id in frame["item_id"]], dtype=pl.String)
    return frame.insert_column(frame.columns.index("item_id") + 1, named)


def prepare_torch(device: str, threads: int | None) -> None:
    """Check the device and set the number of threads, before any data is read.

    Raises:
        SettingError: There is no such device here, or `threads` is below 1.
    """
    import_module("conv4rec.model")  # before torch: it says how torch's threads wait
    import torch

    from conv4rec.recommender.configuration import MAX_THREADS, check_device

    if threads is not None:
        if not 1 <= threads <= MAX_THREADS:
            raise SettingError(
                f"threads must be a whole number from 1 to {MAX_THREADS}; got {threads}"
            )
        torch.set_num_threads(threads)
    check_device(device)


def unfitted(
    preset: str,
    seed: int,
    device: str,
    threads: int | None,
    set_: list[str] | None,
    **more: Any,
) -> Conv4Rec:
    """A model not yet fitted, its settings and its device checked before any data is read.

    Raises:
        SettingError: A setting, the preset, the device or `threads` is not right.
    """
    from conv4rec.recommender import Conv4Rec
    from conv4rec.recommender.configuration import configuration

    settings = settings_from_words(set_ or [])
    configuration(preset, settings)  # type: ignore[arg-type]
    model = Conv4Rec(preset=preset, seed=seed, device=device, **more, **settings)  # type: ignore[arg-type]
    model.options()
    prepare_torch(device, threads)
    return model


def check_folder(folder: str, kind: str = "model") -> None:
    """Raise unless a folder can be saved to: asked before hours of training, not after.

    Raises:
        SavedModelError: It holds something that conv4rec did not save, or cannot be made.
    """
    path = Path(folder)
    if path.exists() and not (path.is_dir() and (not any(path.iterdir()) or _saved(path) == kind)):
        raise SavedModelError(
            f"{folder} exists and is not a {kind} saved by conv4rec: choose a new or empty folder"
        )
    place = path.absolute()
    while not place.exists():
        place = place.parent
    if not (place.is_dir() and os.access(place, os.W_OK)):
        raise SavedModelError(f"{folder} cannot be written: no permission to write in {place}")


def load_model(folder: str, **options: Any) -> Conv4Rec:
    """Load a saved model (see `Conv4Rec.load`)."""
    from conv4rec.recommender import Conv4Rec

    return Conv4Rec.load(folder, **options)


def _saved(folder: Path) -> str | None:
    """What kind of thing conv4rec saved in a folder, or None if it did not."""
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        return manifest["kind"] if "schema" in manifest else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _any_table(path: Path) -> pl.DataFrame:
    """A table of items: CSV, TSV or Parquet, with whatever columns it has."""
    import polars as pl

    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        return pl.read_csv(
            path, separator="\t" if path.suffix == ".tsv" else ",", infer_schema=False
        )
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = (str(error).strip().splitlines() or ["it is damaged"])[0]
        raise DataError(f"{path} cannot be read as a table with columns: {reason}") from error
