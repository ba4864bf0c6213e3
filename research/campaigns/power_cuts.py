"""Power cuts at every moment of a save: the old content or the new, and the new once it is done."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from conv4rec.cli.writing import write_frames
from conv4rec.errors import Conv4RecError
from conv4rec.storage.folders import load_folder, save_folder
from research.campaigns.journal import Journal, recorded
from research.campaigns.outcomes import Outcomes

DAMAGED = "damaged"


def save(place: Path, value: float) -> None:
    """Save a folder of two parts, in a folder that may have to be made."""
    parts = {"weights": {"a": np.full(300, value)}, "ids": {"b": np.full(3, value)}}
    save_folder(place / "models" / "mine", "model", parts, {"value": value})


def saved(place: Path) -> float | str | None:
    """The value that is saved; None where nothing is, or `DAMAGED`."""
    folder = place / "models" / "mine"
    try:
        parts, facts = load_folder(folder, "model")
    except Conv4RecError as error:
        unsaved = not folder.exists() or "it has no manifest.json" in str(error)
        return None if unsaved else f"{DAMAGED}: {error}"
    values = {float(x) for arrays in parts.values() for array in arrays.values() for x in array}
    return facts["value"] if values == {facts["value"]} else DAMAGED


def write(ending: str) -> Callable[[Path, float], None]:
    """Write a table as `recommend --out` does."""

    def work(place: Path, value: float) -> None:
        frame = pl.DataFrame({"user_id": [1] * 50, "value": [value] * 50})
        write_frames([frame, frame], str(place / f"lists.{ending}"))

    return work


def written(ending: str) -> Callable[[Path], float | str | None]:
    """The value that a table holds; None where there is none, or `DAMAGED`."""

    def look(place: Path) -> float | str | None:
        path = place / f"lists.{ending}"
        if not path.exists():
            return None
        try:
            frame = pl.read_csv(path) if ending == "csv" else pl.read_parquet(path)
            values = frame["value"].unique().to_list()
            return values[0] if frame.height == 100 and len(values) == 1 else DAMAGED
        except Exception as error:
            return f"{DAMAGED}: {error}"

    return look


SCENES = {
    "save": (save, saved),
    "lists.csv": (write("csv"), written("csv")),
    "lists.parquet": (write("parquet"), written("parquet")),
}


def run_power_cuts(numbers: range, seed: int, outcomes: Outcomes) -> None:
    """A power cut for each number: at a random moment of a first save, or of one over another."""
    with tempfile.TemporaryDirectory() as name:
        scenes = []
        for scene, (work, look) in SCENES.items():
            for before in (None, 1.0):
                root = Path(name) / f"{scene}-{before}"
                root.mkdir()
                if before is not None:
                    work(root, before)
                journal = Journal(root)
                with recorded(journal):
                    work(root, 2.0)
                scenes.append((scene, before, look, journal))
        for number in numbers:
            rng = random.Random(f"{seed} {number}")
            scene, before, look, journal = scenes[number % len(scenes)]
            at = rng.randint(0, len(journal.steps))
            about = f"{scene} over {before}, after {at} of {len(journal.steps)} steps"
            with tempfile.TemporaryDirectory() as place:
                journal.cut(at, rng, Path(place))
                done = at == len(journal.steps)
                _count(outcomes, number, about, look(Path(place)), before, done)
                if scene == "save":
                    outcomes.guarded(lambda place=place: save(Path(place), 3.0), number, "save")
                    if saved(Path(place)) != 3.0:
                        outcomes.fault("lost", number, f"{about}: a save after it is not there")


def _count(
    outcomes: Outcomes, number: int, about: str, found: object, before: object, done: bool
) -> None:
    outcomes.counts["cuts"] += 1
    if isinstance(found, str):
        outcomes.fault("half-written", number, f"{about}: {found}")
    elif found not in (before, 2.0) or (done and found != 2.0):
        outcomes.fault("lost", number, f"{about}: {found}")
    else:
        outcomes.counts["new" if found == 2.0 else "old"] += 1
