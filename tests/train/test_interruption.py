"""An interrupted fit ends, once resumed, in the weights it would have ended in, bit for bit."""

import shutil
import signal

import pytest

from conv4rec.errors import SavedModelError, TrainingInterrupted
from conv4rec.train.checkpoint import save_checkpoint

LOOPS = {
    "all users a step": {},
    "a quarter of the users a step": {"batch_rows": 200, "softmax_cells": 1},
    "more steps than evaluations": {"n_steps": 17, "consume_reg_factors": (1.0,)},
}
SHARED = {"consume_size": 8, "shared_encoder": True, "two_sided": False}
SHORT = {"mf_sweeps": 10}  # as a resumed fit starts the sampler again


def stop_at(*calls):
    """A `should_stop` that says True at the given calls, counted from 1."""
    count = [0]

    def should_stop():
        count[0] += 1
        return count[0] in calls

    return should_stop


@pytest.fixture(params=LOOPS.values(), ids=LOOPS.keys())
def changes(request):
    return {**SHORT, **request.param}


def test_a_resumed_fit_ends_in_the_same_bits(mixed, make_fit, digest, changes, rng, tmp_path):
    calls = []
    whole = make_fit(mixed, should_stop=lambda: calls.append(1), **changes).run()
    ends = [6, 7, len(calls) - 1]  # of a validation fit, after it, of the final fit
    for call in {1, 4, *ends, *rng.integers(2, len(calls), 2).tolist()}:
        folder = tmp_path / f"stopped at {call}"
        with pytest.raises(TrainingInterrupted, match="resume"):
            make_fit(mixed, checkpoint=folder, should_stop=stop_at(call), **changes).run()
        resumed = make_fit(mixed, checkpoint=folder, resume=True, **changes).run()
        assert digest(resumed) == digest(whole), f"stopped at call {call}"


def test_a_fit_stopped_again_and_again_ends_in_the_same_bits(
    mixed, make_fit, digest, changes, tmp_path
):
    changes = {**changes, "mf_draws": 0}  # a sampler stopped every third sweep would never end
    whole = digest(make_fit(mixed, **changes).run())
    n_stops = 0
    while True:
        fit = make_fit(
            mixed, checkpoint=tmp_path / "state", resume=n_stops > 0, should_stop=stop_at(3),
            **changes,
        )  # fmt: skip
        try:
            resumed = fit.run()
            break
        except TrainingInterrupted:
            n_stops += 1
    assert n_stops >= 4
    assert digest(resumed) == whole


def test_a_stopped_shared_encoder_resumes_in_the_same_bits(mixed, make_fit, digest, tmp_path):
    shape = SHARED
    whole = make_fit(mixed, shape=shape).run()
    with pytest.raises(TrainingInterrupted):
        make_fit(mixed, shape=shape, checkpoint=tmp_path, should_stop=stop_at(9)).run()
    resumed = make_fit(mixed, shape=shape, checkpoint=tmp_path, resume=True).run()
    assert digest(resumed) == digest(whole)


def test_should_stop_is_asked_after_each_sweep_of_the_sampler(mixed, make_fit):
    steps, calls = [], []
    make_fit(
        mixed, on_progress=lambda *_: steps.append(1), should_stop=lambda: calls.append(1),
        **SHORT,
    ).run()  # fmt: skip
    # 4 sweeps on the validation fit's part and 8 of 10 on all, in each of two chains
    assert len(calls) == len(steps) + 2 * (4 + 8)


def test_a_stop_in_the_sampler_is_saved_and_resumed(mixed, make_fit, digest, tmp_path):
    fits = {"consume_reg_factors": (1.0,), "rate_reg_factors": (), **SHORT}
    whole = make_fit(mixed, **fits).run()
    n_steps = 6  # of the one validation fit; the sampler follows
    with pytest.raises(TrainingInterrupted, match="before the final fit"):
        make_fit(mixed, checkpoint=tmp_path, should_stop=stop_at(n_steps + 3), **fits).run()
    assert digest(make_fit(mixed, checkpoint=tmp_path, resume=True, **fits).run()) == digest(whole)


def test_a_checkpoint_changes_nothing(mixed, make_fit, digest, tmp_path):
    with_one = make_fit(mixed, checkpoint=tmp_path / "state", **SHORT).run()
    assert digest(with_one) == digest(make_fit(mixed, **SHORT).run())


def test_without_a_checkpoint_a_stop_says_that_nothing_was_saved(mixed, make_fit):
    with pytest.raises(TrainingInterrupted, match="after step 2: nothing was saved"):
        make_fit(mixed, should_stop=stop_at(2)).run()


def test_the_library_installs_no_signal_handler(mixed, make_fit, tmp_path):
    signals = (signal.SIGTERM, signal.SIGINT)
    before, seen = [signal.getsignal(number) for number in signals], []

    def on_progress(*_):
        seen.append([signal.getsignal(number) for number in signals])

    make_fit(mixed, checkpoint=tmp_path / "state", on_progress=on_progress).run()
    assert all(handlers == before for handlers in seen)


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"learning_rate": 0.1}, {"shape": {"consume_size": 4, "rate_size": 4}}]
)
def test_other_settings_do_not_resume(mixed, make_fit, tmp_path, other):
    with pytest.raises(TrainingInterrupted):
        make_fit(mixed, checkpoint=tmp_path, should_stop=stop_at(2)).run()
    with pytest.raises(SavedModelError, match="other data, settings or another seed"):
        make_fit(mixed, checkpoint=tmp_path, resume=True, **other).run()


def test_other_data_do_not_resume(mixed, make_fit, with_type, tmp_path):
    with pytest.raises(TrainingInterrupted):
        make_fit(mixed, checkpoint=tmp_path, should_stop=stop_at(2)).run()
    level = (int(mixed.level_numbers[0]) + 1) % 5
    with pytest.raises(SavedModelError, match="other data"):
        make_fit(with_type(mixed, 0, level), checkpoint=tmp_path, resume=True).run()


@pytest.mark.parametrize("shape", [None, SHARED], ids=["two encoders", "shared"])
def test_a_fit_goes_on_from_whatever_a_kill_leaves(
    mixed, make_fit, digest, shape, monkeypatch, tmp_path
):
    """A killed process says nothing: what is there is what the last evaluation saved."""
    saved = []

    def keep(folder, state, key):
        save_checkpoint(folder, state, key)
        saved.append(shutil.copytree(folder, tmp_path / f"saved {len(saved)}"))

    monkeypatch.setattr("conv4rec.train.session.save_checkpoint", keep)
    whole = digest(make_fit(mixed, checkpoint=tmp_path / "state", shape=shape, **SHORT).run())
    monkeypatch.undo()
    assert len(saved) > 10
    for folder in saved[-8:]:  # of the final fit, whose last evaluations are averaged
        resumed = make_fit(mixed, checkpoint=folder, resume=True, shape=shape, **SHORT).run()
        assert digest(resumed) == whole, folder.name
