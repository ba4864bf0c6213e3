"""From the paper's own model to the default, rung by rung.

`python docs/ablation/ladder.py LOG ...` fits each rung. A LOG is NAME/SPLIT, of whose *training*
part a tenth (seed 0) judges: test parts are not looked at. NAME/SPLIT:N takes N of its people (seed
0). Each line is added to ladder.jsonl beside this file, and one that is there already is not made
again; at the end the table of docs/ablation.md is written anew. `--threads 1` runs on one core.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

from conv4rec import Conv4Rec, Interactions
from conv4rec.cli.console import note
from conv4rec.data import Split, split_by_name
from conv4rec.data.splits import random_split
from conv4rec.evaluate.provenance import commit, versions
from conv4rec.recommender import evaluate_model

HERE = Path(__file__).parent
RECORDS, PAGE = HERE / "ladder.jsonl", HERE.parent / "ablation.md"
ALONE = {"two_sided": False, "draws": 0, "ridge_size": 0, "neighbours": 0}
RUNGS = {
    "the paper's own model": {"preset": "paper"},
    "an encoder for each task": ALONE,
    "the second side": {**ALONE, "two_sided": True},
    "the exact half": {"ridge_size": 0, "neighbours": 0},
    "the closed-form half": {"neighbours": 0},
    "the neighbours (the default)": {},
}
COLUMNS = {"ndcg@20": 4, "rmse": 4, "nll": 4}


def training_part(name: str) -> Interactions:
    """The training rows of a split, of all its people or of some."""
    split, _, n_people = name.partition(":")
    log = split_by_name(split).train
    if not n_people:
        return log
    some = np.random.default_rng(0).permutation(log.n_users)[: int(n_people)]
    frame = log.take_users(np.sort(some)).to_frame()
    return Interactions.from_frame(frame, levels=list(log.levels.values))


def line(name: str, rung: str) -> dict[str, object]:
    """Fit one rung, and measure."""
    train, test = random_split(training_part(name), 0.1, seed=0)
    began = time.perf_counter()
    model = Conv4Rec(seed=0, **RUNGS[rung]).fit(train)
    seconds = round(time.perf_counter() - began, 1)
    found = evaluate_model(model, Split(name, train, given=train, test=test)).metrics
    figures = {metric: found[metric] for metric in COLUMNS}
    receipt = {"fit_s": seconds, "commit": commit(), "torch": versions()["torch"]}
    return {"log": name, "rung": rung, "seed": 0, "settings": RUNGS[rung], **figures, **receipt}


def records() -> list[dict[str, object]]:
    """What has been measured."""
    lines = RECORDS.read_text(encoding="utf-8").splitlines() if RECORDS.exists() else []
    return [json.loads(text) for text in lines]


def table(lines: list[dict[str, object]]) -> str:
    """One row a rung, three columns a log."""
    logs = list(dict.fromkeys(str(entry["log"]) for entry in lines))
    text = f"| with | {' | '.join(f'{log}: NDCG@20 / RMSE / NLL' for log in logs)} |\n"
    text += "| --- |" + " ---: |" * len(logs) + "\n"
    for rung in RUNGS:
        cells = []
        for log in logs:
            mine = [e for e in lines if (e["log"], e["rung"]) == (log, rung)]
            found = [f"{float(str(e[m])):.{d}f}" for e in mine[:1] for m, d in COLUMNS.items()]
            cells.append(" / ".join(found))
        text += f"| {rung} | {' | '.join(cells)} |\n"
    return text


def main(names: list[str]) -> None:
    """Make the lines that are missing, then the table."""
    if "--threads" in names:
        at = names.index("--threads")
        torch.set_num_threads(int(names[at + 1]))
        del names[at : at + 2]
    for name in names:
        for rung in RUNGS:
            if any((e["log"], e["rung"]) == (name, rung) for e in records()):
                continue
            entry = line(name, rung)
            with RECORDS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
            note(f"{name}, {rung}: ndcg@20 {entry['ndcg@20']:.4f}")
    page = PAGE.read_text(encoding="utf-8")
    before, after = "<!-- ladder -->\n", "<!-- end ladder -->"
    start, end = page.index(before) + len(before), page.index(after)
    PAGE.write_text(page[:start] + table(records()) + page[end:], encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
