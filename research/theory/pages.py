"""Make the records of these pages again: `python docs/theory/remake.py NAME ...`.

NAME is ml-100k, ml-1m or made-up; without one, all three. Each record holds what a command
printed with --json, the command, and where, when and with what it ran. At the end the tables of
the pages are written anew. Data sets must have been fetched (`conv4rec data fetch`).
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import runpy
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from conv4rec import Conv4Rec
from conv4rec.cli import main as cli
from conv4rec.cli.console import note
from conv4rec.data import split_by_name
from conv4rec.evaluate.provenance import commit, machine, peak_rss_mb, versions

HERE = Path(__file__).parent
SPLITS = {"ml-100k": "u1", "ml-1m": "r0"}
"""The split of each data set with fresh rows of known users; the other one is new-users."""
SEED = 0
COMMIT = commit()  # before the first record changes the checkout


def record(name: str, command: str, **more: object) -> None:
    """Run a command of the program and keep what it says, with its receipt."""
    note(command)
    contribution, began = io.StringIO(), time.perf_counter()
    with contextlib.redirect_stdout(contribution):
        code = cli.run([*command.split()[1:], "--json"])
    if code:
        raise SystemExit(f"{command} ended with exit code {code}")
    receipt = {
        "command": f"{command} --json",
        "seed": SEED,
        "seconds": round(time.perf_counter() - began, 1),
        **more,
        "peak_rss_mb": peak_rss_mb(),
        "versions": versions(),
        "machine": machine(),
        "commit": COMMIT,
        "finished_at": datetime.now(UTC).isoformat("T", "seconds"),
    }
    text = json.dumps(
        {"receipt": receipt, "said": json.loads(contribution.getvalue().splitlines()[-1])}
    )
    (HERE / "records" / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    note(f"{name} took {receipt['seconds']} s")


def trained(split_name: str) -> tuple[str, str, dict[str, object]]:
    """Fit a split's training part: folder of the model, file of the held-out rows, receipt."""
    split, folder = split_by_name(split_name), split_name.replace("/", "-")
    began = time.perf_counter()
    Conv4Rec(seed=SEED).fit(split.train).save(folder)
    seconds = round(time.perf_counter() - began, 1)
    rows = [split.test.to_frame()]
    if split_name.endswith("new-users"):
        rows.append(split.given.to_frame())
    pl.concat(rows).write_csv(f"{folder}.csv")
    note(f"{split_name} fitted in {seconds} s")
    python = f'Conv4Rec(seed={SEED}).fit(split_by_name("{split_name}").train).save("{folder}")'
    return folder, f"{folder}.csv", {"model": python, "fit_seconds": seconds}


def real(data: str) -> None:
    """Bounds in both settings, the certificates and the spectra of one data set."""
    same, rows, receipt = trained(f"{data}/{SPLITS[data]}")
    record(f"bound-{same}", f"conv4rec theory bound {same} --data {rows}", **receipt)
    record(f"spectrum-{same}", f"conv4rec theory spectrum {same}", **receipt)
    drawn(f"training-{same}", f"conv4rec theory spectrum {same} --training", data, receipt)
    new, rows, receipt = trained(f"{data}/new-users")
    drawn(f"bound-{new}", f"conv4rec theory bound {new} --data {rows}", data, receipt)
    command = f"conv4rec theory certify {new} --data {rows}"
    if data == "ml-100k":  # on ml-1m the blurred models would take longer than all the rest
        command += " --pac-bayes"
    drawn(f"certify-{new}", command, data, receipt)


def drawn(name: str, command: str, data: str, receipt: dict[str, object]) -> None:
    """The same as `record`, with a picture beside the page."""
    picture = f"{name.partition('-')[0]}-{data}.svg"
    record(name, f"{command} --out {picture}", **receipt)
    shutil.copy(picture, HERE)


def made_up() -> None:
    """Recovery in five worlds; emergence in a made-up world and on one data set."""
    record("recover", "conv4rec theory recover --out recovery.svg")
    record("emergence", "conv4rec theory spectrum --emergence --data ml-100k --out emergence.svg")
    for picture in ("recovery.svg", "emergence.svg"):
        shutil.copy(picture, HERE)


def main(names: list[str]) -> None:
    """Make the records of some names, then the tables."""
    if unknown := set(names) - {"made-up", *SPLITS}:
        raise SystemExit(f"names are made-up and {' and '.join(SPLITS)}; got {min(unknown)!r}")
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        for name in names or ["made-up", *SPLITS]:
            made_up() if name == "made-up" else real(name)
    runpy.run_path(str(HERE / "tables.py"))["main"]()


if __name__ == "__main__":
    os.environ.setdefault("COLUMNS", "100")
    main(sys.argv[1:])
