"""What several commands need before the library can be asked: logs, models, users, titles."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conv4rec.cli.parsing import id_from_text, is_file_name, settings_from_words
from conv4rec.errors import SavedModelError, SettingError

if TYPE_CHECKING:
    from conv4rec.data import Dataset, Events, Ids, Interactions
    from conv4rec.recommender import Conv4Rec


def load_log(
    data: str, reading: Mapping[str, Any], **loading: Any
) -> tuple[Interactions, Dataset | None]:
    """A log from a file, or from a named data set; the second value is that data set.

    Args:
        data: a file, a folder or pattern of parts, "-" for standard input; or a name.
        reading: what is stated about a file (see `conv4rec.data.reading`).
        **loading: see `Interactions.from_frame`.

    Raises:
        DataError: The table cannot be used: names the column and the rows.
        DatasetError: There is no such file and no such data set.
    """
    from conv4rec.data import Interactions, load_dataset

    if is_file_name(data):
        return Interactions.from_frame(data, **reading, **loading), None
    check_named(data, reading)
    dataset = load_dataset(data)
    return Interactions.from_frame(dataset.frame, **loading), dataset


def load_any_log(
    data: str, reading: Mapping[str, Any], duplicates: str = "last", **loading: Any
) -> tuple[Interactions | Events, Dataset | None]:
    """As `load_log`; a log with a column for the type of an event is `Events`.

    Raises:
        DataError: The table cannot be used: names the column and the rows.
        DatasetError: There is no such file and no such data set.
        SettingError: `duplicates` is set for a log with types, which counts what is repeated.
    """
    from conv4rec.data import load_dataset, read_log

    if duplicates != "last":
        loading["duplicates"] = duplicates  # logs with types have no such argument
    if is_file_name(data):
        return read_log(data, **reading, **loading), None
    check_named(data, reading)
    dataset = load_dataset(data)
    return read_log(dataset.frame, **loading), dataset


def check_named(data: str, reading: Mapping[str, Any]) -> None:
    """Raise where something is stated about how a named data set is read.

    Raises:
        SettingError: Something is.
    """
    if reading:
        name = next(iter(reading))
        option = "no-header" if name == "header" else name.replace("_", "-")
        raise SettingError(f"--{option} is for files; how {data!r} is read is known")


def load_titles(source: str | None, items: Ids, reading: Mapping[str, Any]) -> dict[Any, str]:
    """Titles by item id, from a file or from a named data set; none without a source.

    Raises:
        DataError: The file has no item and title columns.
        DatasetError: There is no such data set.
    """
    from conv4rec.data import load_dataset
    from conv4rec.data.reading import Reading
    from conv4rec.data.titles import read_titles

    if source is None:
        return {}
    if is_file_name(source):
        return read_titles(source, items, Reading(**reading))
    return load_dataset(source).item_titles()


def read_rows(
    served: Conv4Rec,
    file: str,
    reading: Mapping[str, Any],
    pairs: bool = False,
    of_several: bool = False,
) -> Any:
    """The rows of a log, or of pairs of a user and an item, for a model: a frame.

    Raises:
        DataError: The table cannot be used: names the column and the rows.
    """
    from conv4rec.data.columns import COLUMNS, EVENT_COLUMNS, IDS
    from conv4rec.data.ids import text_roles
    from conv4rec.data.reading import Reading
    from conv4rec.data.tables import read_columns

    known = served.interactions_
    as_text = text_roles(known.users, known.items)
    stated = Reading(**reading, of_several=of_several)
    columns = COLUMNS if served.events_ is None else EVENT_COLUMNS
    roles = IDS if pairs else columns
    return read_columns(file, stated, roles, IDS, as_text, lenient=("timestamp",)).frame


def users_from_words(
    served: Conv4Rec,
    user: Sequence[str] | None,
    history: str | None,
    reading: Mapping[str, Any],
    of_several: bool = False,
) -> Any:
    """The library's `users` argument for the options --user and --history; None for all users."""
    if history is not None:
        return read_rows(served, history, reading, of_several=of_several)
    if user:
        return [id_from_text(word, served.interactions_.users) for word in user]
    return None


def rarest_type(log: Events) -> str:
    """The type with the fewest events, of those with a hundredth of all or more."""
    import numpy as np

    counts = np.bincount(log.type_numbers, log.counts, minlength=len(log.types.names))
    counts = np.where(counts * 100 >= counts.sum(), counts, np.inf)
    return log.types.names[int(np.argmin(counts))]


def prepare_torch(device: str, threads: int | None) -> None:
    """Check the device and set the number of threads, before any data is read.

    Raises:
        SettingError: There is no such device here, or `threads` is below 1.
    """
    import torch

    from conv4rec.recommender.configuration import MAX_THREADS, check_device

    if threads is not None:
        if not 1 <= threads <= MAX_THREADS:
            raise SettingError(
                f"threads must be a whole number from 1 to {MAX_THREADS}; got {threads}"
            )
        torch.set_num_threads(threads)
    check_device(device)


def make_model(
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
    """Raise unless a folder can be saved to; called before the training, not after.

    Raises:
        SavedModelError: It holds something that conv4rec did not save, or cannot be made.
    """
    from conv4rec.storage.folders import may_replace

    path = Path(folder)
    if path.exists() and not (path.is_dir() and may_replace(path, kind)):
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
