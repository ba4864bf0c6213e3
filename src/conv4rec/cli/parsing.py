"""The meaning of the words of a command line: ids, settings, names of columns, files."""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conv4rec.data.id_lists import id_from_text, read_ids
from conv4rec.data.reading import Reading
from conv4rec.data.sources import looks_like_file
from conv4rec.errors import SettingError

if TYPE_CHECKING:
    from conv4rec.data import Ids

YES_NO = {"yes": True, "no": False}


def is_file_name(text: str) -> bool:
    """Whether a word of the command line is a file rather than the name of a data set."""
    return "/" in text or looks_like_file(text) or Path(text).exists() or glob.has_magic(text)


def ids_from_words(
    words: Sequence[str], ids: Ids, reading: dict[str, Any]
) -> list[int | str] | None:
    """Ids given one by one, or as files of ids; None if there are none.

    Raises:
        DataError: A file cannot be read.
    """
    if not words:
        return None
    found: list[int | str] = []
    for word in words:
        if id_from_text(word, ids) not in ids and is_file_name(word):
            found += read_ids(word, ids, Reading(**reading, of_several=True))
        else:
            found.append(id_from_text(word, ids))
    return found


def settings_from_words(words: Sequence[str]) -> dict[str, Any]:
    """Settings from `name=value` words; values are read as JSON, else they are text.

    Raises:
        SettingError: A word has no "=".

    >>> settings_from_words(["n_steps=6", "two_sided=false", "consume_reg_factors=[1.0]"])
    {'n_steps': 6, 'two_sided': False, 'consume_reg_factors': [1.0]}
    """
    settings: dict[str, Any] = {}
    for name, value in pairs_from_words(words, "--set").items():
        try:
            settings[name] = json.loads(value.lower() if value in ("True", "False") else value)
        except ValueError:
            raise SettingError(
                f"--set {name}={value}: "
                "the value is a number, true, false, null or a list such as [1, 3]"
            ) from None
    return settings


def pairs_from_words(
    words: Sequence[str], option: str, may_be_empty: bool = False
) -> dict[str, str]:
    """`name=value` words as a dict."""
    pairs = [word.partition("=") for word in words]
    form = r"\s*\w+\s*=" + ("" if may_be_empty else ".")
    if wrong := [word for word in words if not re.match(form, word)]:
        raise SettingError(f"{option} takes name=value; got {wrong[0]!r}")
    return {name.strip(): value.strip() for name, _, value in pairs}


def levels_from_text(text: str | None) -> list[float] | None:
    """The levels of `--levels 1,2,3`, or None."""
    if text is None:
        return None
    try:
        return [float(level) for level in text.split(",")]
    except ValueError:
        raise SettingError(
            f"--levels is a list of numbers such as 1,2,3,4,5; got {text!r}"
        ) from None


def types_from_words(
    exclusive: Sequence[str] | None, repeats: Sequence[str] | None
) -> dict[str, Any]:
    """What `--exclusive A,B` and `--repeats TYPE=yes` state of types, for `Events.from_frame`.

    Raises:
        SettingError: A word is not of that form.

    >>> types_from_words(["like,hide"], ["buy=no"])
    {'exclusive': [['like', 'hide']], 'repeats': {'buy': False}}
    """
    stated: dict[str, Any] = {}
    if exclusive:
        stated["exclusive"] = [[name.strip() for name in group.split(",")] for group in exclusive]
    if repeats:
        pairs = [word.rpartition("=") for word in repeats]
        if wrong := ["".join(pair) for pair in pairs if not pair[0] or pair[2] not in YES_NO]:
            raise SettingError(f"--repeats takes TYPE=yes or TYPE=no; got {wrong[0]!r}")
        stated["repeats"] = {name: YES_NO[answer] for name, _, answer in pairs}
    return stated


def shares_from_text(text: str) -> tuple[float, ...]:
    """The shares of `--drop-labels 0,0.5,0.9`, each once.

    Raises:
        SettingError: They are not numbers.

    >>> shares_from_text("0,0.5,0.5")
    (0.0, 0.5)
    """
    try:
        return tuple(dict.fromkeys(float(share) for share in text.split(",")))
    except ValueError:
        raise SettingError(f"--drop-labels is a list such as 0,0.5,0.9; got {text!r}") from None


def number_or_word(text: str) -> float | str:
    """A word as a whole number or a fraction, where it is one.

    >>> number_or_word("500"), number_or_word("0.1"), number_or_word("median")
    (500, 0.1, 'median')
    """
    if re.fullmatch(r"-?\d{1,18}", text):
        return int(text)
    return float(text) if re.fullmatch(r"-?\d*\.\d+(e-?\d+)?", text) else text


def split_words(dataset: str | None, split: str, new_users: bool) -> tuple[str | None, str]:
    """The named split, if any, and the kind of split of a file, with `--new-users` applied.

    >>> split_words("ml-100k", "r0", True)
    ('ml-100k/new-users', 'new-users')
    """
    if not new_users:
        return dataset, split
    if dataset is not None and dataset.rpartition("/")[0]:
        name, _, kind = dataset.rpartition("/")
        if kind != "new-users":
            raise SettingError(f"--new-users is a split of its own: write --dataset {name}")
        dataset = name
    return dataset and f"{dataset}/new-users", "new-users"


def columns_from_text(text: str | None) -> dict[str, str]:
    """The names of `--columns user_id=client,item_id=sku`; nothing after = switches a role off.

    >>> columns_from_text("user_id=client,timestamp=")
    {'user_id': 'client', 'timestamp': ''}
    """
    return pairs_from_words(text.split(",") if text else [], "--columns", may_be_empty=True)
