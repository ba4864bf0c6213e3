"""Make the records and pictures of the theory pages: `python -m research.theory pages [NAME]...`.

Each record holds what a command printed with --json, and its provenance: the command, seed, time,
versions, machine and commit. Data sets must have been fetched (`conv4rec data fetch`).
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import polars as pl

from conv4rec import Conv4Rec
from conv4rec.cli import main as cli
from conv4rec.cli.console import note
from conv4rec.data import split_by_name
from conv4rec.errors import BenchError, SettingError
from conv4rec.evaluate.provenance import commit, machine, peak_rss_mb, versions
from research.theory.tables import PAGES, RECORDS

SPLITS = {"ml-100k": "u1", "ml-1m": "r0"}
"""The split of each data set with fresh rows of known users; the other one is new-users."""
NAMES = ("synthetic", *SPLITS)
SEED = 0
RESEARCH = "python -m research.theory"


def remake(names: Sequence[str]) -> None:
    """Make the records and pictures of some names.

    Raises:
        SettingError: A name is not in `NAMES`.
        BenchError: A command fails.
    """
    if unknown := [name for name in names if name not in NAMES]:
        raise SettingError(f"pages are made for {', '.join(NAMES)}; got {unknown[0]!r}")
    os.environ.setdefault("COLUMNS", "100")
    at = commit()  # before the first record changes the checkout
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        for name in names:
            _synthetic(at) if name == "synthetic" else _real(name, at)


def _synthetic(at: str | None) -> None:
    """Recovery in five worlds; emergence in one world and on one data set."""
    _record("recover", f"{RESEARCH} recover --out recovery.svg", commit=at)
    _record("emergence", f"{RESEARCH} emergence --data ml-100k --out emergence.svg", commit=at)
    for picture in ("recovery.svg", "emergence.svg"):
        shutil.copy(picture, PAGES)


def _real(data: str, at: str | None) -> None:
    """Bounds in both settings, the certificates and the spectra of one data set."""
    same, rows, facts = _trained(f"{data}/{SPLITS[data]}", at)
    _record(f"bound-{same}", f"conv4rec theory bound {same} --data {rows}", **facts)
    _record(f"spectrum-{same}", f"conv4rec theory spectrum {same}", **facts)
    picture = f"training-{data}.svg"
    _record(f"training-{same}", f"{RESEARCH} ranks {same} --out {picture}", **facts)
    shutil.copy(picture, PAGES)
    new, rows, facts = _trained(f"{data}/new-users", at)
    _record(f"bound-{new}", f"conv4rec theory bound {new} --data {rows}", **facts)
    certify = f"conv4rec theory certify {new} --data {rows}"
    if data == "ml-100k":  # on ml-1m the models of PAC-Bayes would take longer than all the rest
        certify += " --pac-bayes"
    _record(f"certify-{new}", certify, **facts)
    for kind in ("bound", "certificate"):
        picture = f"{'certify' if kind == 'certificate' else kind}-{data}.svg"
        _run(f"{RESEARCH} {kind}-picture {new} --data {rows} --out {picture}")
        shutil.copy(picture, PAGES)


def _trained(split_name: str, at: str | None) -> tuple[str, str, dict[str, object]]:
    """Fit the training part of a split: folder of the model, file of held-out rows, provenance."""
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
    return folder, f"{folder}.csv", {"model": python, "fit_seconds": seconds, "commit": at}


def _record(name: str, command: str, **more: object) -> None:
    """Run a command with --json and keep its output, with its provenance."""
    began = time.perf_counter()
    printed = _run(f"{command} --json")
    provenance = {
        "command": f"{command} --json",
        "seed": SEED,
        "seconds": round(time.perf_counter() - began, 1),
        **more,
        "peak_rss_mb": peak_rss_mb(),
        "versions": versions(),
        "machine": machine(),
        "finished_at": datetime.now(UTC).isoformat("T", "seconds"),
    }
    record = {"provenance": provenance, "output": json.loads(printed.splitlines()[-1])}
    (RECORDS / f"{name}.json").write_text(json.dumps(record) + "\n", encoding="utf-8")
    note(f"{name} took {provenance['seconds']} s")


def _run(command: str) -> str:
    """Run a command line in this process; returns what it prints.

    Raises:
        BenchError: It ends with another exit code than 0.
    """
    from research.theory.__main__ import main as research

    note(command)
    is_research = command.startswith(RESEARCH)
    words = command.removeprefix(RESEARCH if is_research else "conv4rec").split()
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        code = research(words) if is_research else cli.run(words)
    if code:
        raise BenchError(f"{command} ended with exit code {code}")
    return printed.getvalue()
