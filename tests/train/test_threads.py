"""Two threads give the same bits each time: sums in no fixed order would differ."""

import os
import subprocess
import sys

# Threads that spin while they wait take the core from each other on a busy machine.
PASSIVE = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}

FIT_TWICE = """
import hashlib
import numpy as np
import polars as pl
from conv4rec import Conv4Rec
import torch

torch.set_num_threads(2)
rng = np.random.default_rng(0)
cells = rng.choice(600 * 900, 60_000, replace=False)
log = pl.DataFrame({"user_id": cells // 900, "item_id": cells % 900,
                    "rating": rng.integers(1, 6, len(cells)).astype(float)})
for _ in range(2):
    short = {"n_steps": 12, "consume_reg_factors": (), "mf_sweeps": 8, "mf_draws": 2}
    network = Conv4Rec(**short).fit(log).scoring_.model
    weights = b"".join(p.numpy().tobytes() for p in network.state_dict().values())
    print(hashlib.sha256(weights).hexdigest())
"""


def test_two_threads_give_the_same_bits_again():
    done = subprocess.run(
        [sys.executable, "-c", FIT_TWICE], capture_output=True, text=True, check=True, env=PASSIVE
    )
    first, again = done.stdout.split()
    assert first == again


def test_the_library_sets_no_environment_variable():
    # polars sets one on import, for its allocator
    program = "import os, polars, torch; before = dict(os.environ); import conv4rec.train; "
    program += "print(before == os.environ)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\n"
