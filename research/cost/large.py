"""One fit to a log of many millions of rows: seconds by the clock, memory, and how good it is."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from conv4rec import Conv4Rec, Interactions, evaluate_model
from conv4rec.data.splits import Split
from conv4rec.evaluate.provenance import peak_rss_mb
from conv4rec.recommender.configuration import check_device
from research.cost.made_up import made_up

USERS = 3_000  # whose hidden interactions are asked about: all would take longer than the fit
SHARE = 0.1
METRICS = ("ndcg@20", "recall@20", "rmse", "nll")


def hide_some(log: Interactions, seed: int = 1) -> Split:
    """Hide a tenth of the interactions of `USERS` users."""
    rng = np.random.default_rng(seed)
    asked = np.zeros(log.n_users, dtype=bool)
    asked[rng.choice(log.n_users, min(USERS, log.n_users), replace=False)] = True
    hidden = np.repeat(asked, np.diff(log.starts))
    hidden &= rng.random(len(log)) < SHARE
    train = log.select(~hidden)
    return Split("large", train, train, log.select(hidden))


def fit_large(sizes: tuple[int, int, int], device: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Fit a made-up log of these users, items and rows on a device, and evaluate it.

    `peak_mb` is of the whole process, with the making of the log.

    Raises:
        SettingError: There is no such device here, or so many rows do not fit.
    """
    check_device(device)
    split = hide_some(made_up(*sizes))
    on_gpu = torch.device(device).type == "cuda"
    if on_gpu:
        torch.zeros(1, device=device)  # starting CUDA takes seconds
    began = time.perf_counter()
    model = Conv4Rec(seed=0, device=device, **settings).fit(split.train)
    record: dict[str, Any] = dict(zip(("users", "items", "rows"), sizes, strict=True))
    record |= {"device": device, "fit_s": round(time.perf_counter() - began, 1)}
    record["peak_mb"] = peak_rss_mb()
    if on_gpu:
        record["gpu"] = torch.cuda.get_device_name(device)
        record["peak_gpu_mb"] = round(torch.cuda.max_memory_allocated(device) / 1e6)
    found = evaluate_model(model, split)
    return record | {name: found[name] for name in METRICS}
