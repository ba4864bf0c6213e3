"""What each part is worth: `python docs/ablation/remake.py NAME/SPLIT ...` fits without each.

A tenth of the split's *training* part (seed 0) judges: the test part is not looked at. Each line
is added to records.jsonl beside this file, and a line that is there already is not made again;
at the end the table of docs/ablation.md is written anew. `--threads 1` runs on one core.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch

from conv4rec import Conv4Rec
from conv4rec.cli.console import note
from conv4rec.data import Split, split_by_name
from conv4rec.data.splits import random_split
from conv4rec.evaluate.provenance import commit, versions
from conv4rec.recommender import evaluate_model

HERE = Path(__file__).parent
RECORDS, PAGE = HERE / "records.jsonl", HERE.parent / "ablation.md"
SEEDS = (0, 1)
WITHOUT = {
    "nothing left out": {},
    "neighbours": {"neighbours": 0},
    "closed-form half": {"ridge_size": 0},
    "both of these": {"neighbours": 0, "ridge_size": 0},
    "exact half": {"draws": 0},
    "averaged predictions, exact half": {"draws": 0, "averaged_snapshots": 1},
    "second side": {"two_sided": False},
    "second side, exact half": {"two_sided": False, "draws": 0},
    "centring, exact half": {"centred": False, "draws": 0},
    "polynomial kernels, exact half": {"polynomial_init": False, "draws": 0},
    "hidden ratings alone (all are predicted)": {"masked_only": False},
    "penalties tried (one each)": {"consume_reg_factors": (1.0,), "rate_reg_factors": (1.0,)},
    "spectral start": {"spectral_init": 0.0},
    "second rating channel, exact half": {"n_rating_channels": 1, "draws": 0},
}
"""Where the exact half would hide what a part of the trained half is worth, it is left out too."""
COLUMNS = {"ndcg@20": 4, "rmse": 4, "nll": 4, "ece": 3}


def line(name: str, without: str, seed: int) -> dict[str, object]:
    """Fit without a part, and measure."""
    train, test = random_split(split_by_name(name).train, 0.1, seed=0)
    began = time.perf_counter()
    model = Conv4Rec(seed=seed, **WITHOUT[without]).fit(train)
    seconds = round(time.perf_counter() - began, 1)
    found = evaluate_model(model, Split(name, train, given=train, test=test)).metrics
    return {
        **{"split": name, "without": without, "seed": seed, "settings": WITHOUT[without]},
        **{metric: found[metric] for metric in COLUMNS},
        **{"fit_s": seconds, "commit": commit(), "torch": versions()["torch"]},
    }


def records() -> list[dict[str, object]]:
    """What has been measured, in the order of `WITHOUT`."""
    lines = RECORDS.read_text(encoding="utf-8").splitlines() if RECORDS.exists() else []
    return [json.loads(text) for text in lines]


def table(lines: list[dict[str, object]]) -> str:
    """One row a part, for each split; means over seeds."""
    text = ""
    for split in dict.fromkeys(entry["split"] for entry in lines):
        rows = [entry for entry in lines if entry["split"] == split]
        text += f"\n### A tenth of the training part of {split}\n\n"
        text += f"| without | {' | '.join(COLUMNS)} | fit s | seeds |\n"
        text += "| --- |" + " ---: |" * (len(COLUMNS) + 2) + "\n"
        for without in WITHOUT:
            mine = [entry for entry in rows if entry["without"] == without]
            if not mine:
                continue
            cells = [
                f"{sum(float(str(e[m])) for e in mine) / len(mine):.{digits}f}"
                for m, digits in {**COLUMNS, "fit_s": 0}.items()
            ]
            text += f"| {without} | {' | '.join(cells)} | {len(mine)} |\n"
    return text


def main(names: list[str]) -> None:
    """Make the lines that are missing, then the table."""
    if "--threads" in names:
        at = names.index("--threads")
        torch.set_num_threads(int(names[at + 1]))
        del names[at : at + 2]
    for seed in SEEDS:
        for name in names:
            for without in WITHOUT:
                there = {(e["split"], e["without"], e["seed"]) for e in records()}
                if (name, without, seed) in there:
                    continue
                entry = line(name, without, seed)
                with RECORDS.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(entry) + "\n")
                note(f"{name} without {without}, seed {seed}: ndcg@20 {entry['ndcg@20']:.4f}")
    page = PAGE.read_text(encoding="utf-8")
    before, after = "<!-- table -->\n", "<!-- end table -->"
    start, end = page.index(before) + len(before), page.index(after)
    PAGE.write_text(page[:start] + table(records()) + page[end:], encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
