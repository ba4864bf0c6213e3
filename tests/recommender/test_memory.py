"""Serving everyone stays within a stated memory, measured on a process of its own."""

import json
import os
import subprocess
import sys

import pytest

SERVE_EVERYONE = """
import json, resource, sys, threading, time
import numpy as np, polars as pl, torch
from conv4rec.data import Ids, Interactions, Levels
from conv4rec.data.load_report import LoadReport
from conv4rec.model import ItemSide, Network, NetworkConfig, ServedModel
from conv4rec.recommender import Conv4Rec
from conv4rec.train import Fitted, TrainSettings
from conv4rec.train.schedule import Schedule

n_users, n_items, size, per_user, budget_mb = map(int, sys.argv[1:6])
by = sys.argv[6]
torch.set_num_threads(1)
rng = np.random.default_rng(0)
levels = Levels((1.0, 2.0, 3.0, 4.0, 5.0))
n = n_users * per_user
items = np.sort(rng.integers(0, n_items - per_user, (n_users, per_user)), 1) + np.arange(per_user)
log = Interactions(
    Ids(pl.Series(np.arange(n_users))), Ids(pl.Series(np.arange(n_items)), "item"), levels,
    np.arange(n_users + 1) * per_user, items.ravel().astype(np.int32),
    rng.integers(-1, 5, n).astype(np.int16), None,
    LoadReport(n, n_users, n_items, n, n, 0, 0, "last", levels),
)
config = NetworkConfig(
    n_users=n_users, n_items=n_items, n_levels=5, consume_size=size, rate_size=size
)
network = Network(config, torch.ones(5), torch.Generator().manual_seed(0))
network.rater_in = None
counts = np.zeros((n_items, 6), dtype=np.float32)
np.add.at(counts, (log.item_numbers, log.level_numbers), 1)
side = ItemSide(torch.from_numpy(counts), torch.randn(n_items, size))
model = Conv4Rec(max_memory_mb=budget_mb)
fitted = Fitted(ServedModel(network), side, Schedule((1, 1)), [], 0, config)
model._serve(fitted, log, TrainSettings())
del items

def resident_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20

loaded, peak, done = resident_mb(), 0.0, False
def watch():
    global peak
    while not done:
        peak = max(peak, resident_mb())
        time.sleep(0.005)

watcher = threading.Thread(target=watch)
watcher.start()
began = time.time()
frame = model.recommend(k=100, by=by, **({"min_p_like": 0} if by == "discover" else {}))
elapsed_s, done = time.time() - began, True
watcher.join()
print(json.dumps({"loaded_mb": loaded, "above_mb": peak - loaded, "rows": frame.height,
                  "frame_mb": frame.estimated_size("mb"), "elapsed_s": elapsed_s}))
"""

# glibc keeps what was freed, at times 100 MB of it, by how two threads happen to alternate. With
# fixed thresholds whatever is freed goes back at once, and what is resident is what lives.
RETURN_AT_ONCE = {"MALLOC_MMAP_THRESHOLD_": "262144", "MALLOC_TRIM_THRESHOLD_": "262144"}


def serve_everyone(*, n_users, n_items, size, per_user=20, budget_mb=512, by="consume"):
    """Recommend 100 items to every user of a made-up model, and say what it took."""
    arguments = [str(n) for n in (n_users, n_items, size, per_user, budget_mb)]
    done = subprocess.run(
        [sys.executable, "-c", SERVE_EVERYONE, *arguments, by],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **RETURN_AT_ONCE},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("by", "n_users"), [("consume", 2000), ("discover", 500)])
def test_scores_of_everyone_never_exist_at_once(by, n_users):
    # 500 x 20,000 scores are 38 MB, their rating probabilities 190; each step copies some of it.
    used = serve_everyone(n_users=n_users, n_items=20_000, size=8, budget_mb=32, by=by)
    assert used["rows"] == 100 * n_users
    assert used["above_mb"] < 32 + used["frame_mb"] + 15  # 15: code loaded on first use


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_top_100_of_200_000_users_and_100_000_items_stays_under_2_gb():
    used = serve_everyone(n_users=200_000, n_items=100_000, size=64)
    assert used["rows"] == 20_000_000
    assert used["above_mb"] < 2000, used
