"""An interrupted training ends in the very weights it would have ended in."""

import signal
import subprocess
import sys

import pytest

from conv4rec.errors import SavedModelError, TrainingInterrupted

LOOPS = {
    "all users a step": {},
    "13 users a step": {"batch_cells": 500},
    "more steps than checks": {"n_steps": 17, "consume_reg_factors": (1.0,)},
}


def interrupter(*steps):
    """Sends this process a real signal after the given steps of the whole fit."""
    count = [0]

    def on_progress(*_):
        count[0] += 1
        if count[0] in steps:
            signal.raise_signal(signal.SIGTERM if count[0] % 2 else signal.SIGINT)

    return on_progress


@pytest.fixture(params=LOOPS.values(), ids=LOOPS.keys())
def changes(request):
    return request.param


def test_stopped_anywhere_and_resumed_it_ends_in_the_same_bits(
    mixed, make_fit, digest, changes, rng, tmp_path
):
    steps = []
    whole = make_fit(mixed, on_progress=lambda *_: steps.append(1), **changes).run()
    ends = [6, 7, len(steps) - 1]  # of a rehearsal, after it, of the training
    for step in {1, 4, *ends, *rng.integers(2, len(steps), 2).tolist()}:
        folder = tmp_path / f"stopped at {step}"
        with pytest.raises(TrainingInterrupted, match="resume"):
            make_fit(mixed, checkpoint=folder, on_progress=interrupter(step), **changes).run()
        resumed = make_fit(mixed, checkpoint=folder, resume=True, **changes).run()
        assert digest(resumed) == digest(whole), f"stopped at step {step}"


def test_it_may_be_stopped_again_and_again(mixed, make_fit, digest, changes, tmp_path):
    whole = digest(make_fit(mixed, **changes).run())
    n_stops = 0
    while True:
        fit = make_fit(
            mixed, checkpoint=tmp_path / "state", resume=n_stops > 0,
            on_progress=interrupter(3), **changes,
        )  # fmt: skip
        try:
            resumed = fit.run()
            break
        except TrainingInterrupted:
            n_stops += 1
    assert n_stops >= 4
    assert digest(resumed) == whole


def test_a_checkpoint_changes_nothing(mixed, make_fit, digest, tmp_path):
    with_one = make_fit(mixed, checkpoint=tmp_path / "state").run()
    assert digest(with_one) == digest(make_fit(mixed).run())


def test_signal_handlers_are_given_back(mixed, make_fit, tmp_path):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    make_fit(mixed, checkpoint=tmp_path / "state").run()
    with pytest.raises(TrainingInterrupted):
        make_fit(mixed, checkpoint=tmp_path / "state", on_progress=interrupter(2)).run()
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_without_a_checkpoint_ctrl_c_does_what_it_always_does(mixed, make_fit):
    def on_progress(*_):
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        make_fit(mixed, on_progress=on_progress).run()


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"learning_rate": 0.1}, {"shape": {"consume_size": 4, "rate_size": 4}}]
)
def test_other_settings_do_not_resume(mixed, make_fit, tmp_path, other):
    with pytest.raises(TrainingInterrupted):
        make_fit(mixed, checkpoint=tmp_path, on_progress=interrupter(2)).run()
    with pytest.raises(SavedModelError, match="other data, settings or another seed"):
        make_fit(mixed, checkpoint=tmp_path, resume=True, **other).run()


def test_other_data_do_not_resume(mixed, make_fit, with_type, tmp_path):
    with pytest.raises(TrainingInterrupted):
        make_fit(mixed, checkpoint=tmp_path, on_progress=interrupter(2)).run()
    level = (int(mixed.level_numbers[0]) + 1) % 5
    with pytest.raises(SavedModelError, match="other data"):
        make_fit(with_type(mixed, 0, level), checkpoint=tmp_path, resume=True)


FIT_IN_A_PROCESS = """
import hashlib, sys, torch
torch.set_num_threads(1)
from conv4rec import Conv4Rec
from conv4rec.errors import TrainingInterrupted
from conv4rec.data.synthetic import two_tribes
import numpy as np

log = two_tribes().sample(6, np.random.default_rng(0))
model = Conv4Rec(seed=0, n_steps=40, consume_size=8, rate_size=4, consume_reg_factors=(1.0,))
try:
    model.fit(log, checkpoint=sys.argv[1], resume="resume" in sys.argv,
              on_progress=lambda name, *_: print(name, flush=True))
except TrainingInterrupted as stopped:
    sys.exit(f"stopped: {stopped}")
weights = model.fitted_.network.state_dict().values()
print(hashlib.sha256(b"".join(w.numpy().tobytes() for w in weights)).hexdigest())
"""


def fit_in_a_process(folder, *options, kill_after=None):
    """Run a fit in a process of its own; SIGTERM it after so many steps."""
    process = subprocess.Popen(
        [sys.executable, "-c", FIT_IN_A_PROCESS, str(folder), *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    if kill_after is not None:
        for _ in range(kill_after):
            process.stdout.readline()
        process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_a_process_that_gets_sigterm_saves_and_the_next_ends_in_the_same_bits(tmp_path):
    code, _, message = fit_in_a_process(tmp_path / "a", kill_after=47)
    assert code == 1
    assert "training stopped in training after step" in message
    code, resumed, message = fit_in_a_process(tmp_path / "a", "resume")
    assert code == 0, message
    code, whole, _ = fit_in_a_process(tmp_path / "b")
    assert resumed.splitlines()[-1] == whole.splitlines()[-1]
