"""A run keeps a record from which it can be repeated."""

import json
import subprocess
import sys

import numpy as np
import pytest

from conv4rec.data import split_log
from conv4rec.data.synthetic import two_tribes
from conv4rec.errors import SettingError
from conv4rec.evaluate.provenance import peak_rss_mb
from conv4rec.recommender.fit_and_evaluate import ModelChoice, per_user_frame, run

SMALL = {"n_steps": 6, "consume_size": 8, "rate_size": 4, "consume_reg_factors": (1.0,)}


@pytest.fixture(scope="module")
def log():
    return two_tribes().sample(10, np.random.default_rng(0))


def test_the_same_seed_repeats_the_figures(log):
    split = split_log(log, "r0", name="tribes")
    first, second = (run(split, ModelChoice(settings=SMALL), seed=4) for _ in range(2))
    assert first.record.metrics == second.record.metrics
    assert first.record.metrics != run(split, ModelChoice(settings=SMALL), seed=5).record.metrics


def test_a_record_is_flat_json_with_its_provenance(log):
    record = run(split_log(log, "r0", name="tribes"), ModelChoice("ease")).record.to_dict()
    assert json.loads(json.dumps(record))["dataset"] == "tribes/r0"
    assert record["config"]["reg_"] > 0
    assert record["versions"]["numpy"] == np.__version__
    assert record["sizes"]["train"] + record["sizes"]["test"] == len(log)


@pytest.mark.parametrize("kind", ["r0", "r7", "new-users"])
def test_splits_of_a_log_share_out_all_of_it(log, kind):
    split = split_log(log, kind, name="tribes")
    assert split.name == f"tribes/{kind}"
    given = 0 if split.given is split.train else len(split.given)
    assert len(split.train) + given + len(split.test) == len(log)


def test_users_average_to_the_metric(log):
    outcome = run(split_log(log, "r0", name="tribes"), ModelChoice("popularity"))
    users = per_user_frame(outcome.evaluation)
    assert users["recall@20"].mean() == pytest.approx(outcome.record.metrics["recall@20"])


def test_an_unknown_model_or_a_baseline_with_settings_is_refused(log):
    split = split_log(log, "r0", name="tribes")
    with pytest.raises(SettingError, match="there are conv4rec, popularity"):
        run(split, ModelChoice("magic"))
    with pytest.raises(SettingError, match="has no settings"):
        run(split, ModelChoice("means", settings={"n_steps": 3}))


def test_peak_memory_is_in_megabytes():
    block = np.ones(40_000_000)  # 320 MB
    assert block.sum() > 0
    assert 320 < (peak_rss_mb() or 321) < 100_000


def test_peak_memory_of_a_child_does_not_count_its_parent():
    block = np.ones(40_000_000)  # 320 MB in the parent while the child is started
    code = "from conv4rec.evaluate.provenance import peak_rss_mb; print(peak_rss_mb() or 0)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(said.stdout) < 300
    assert block.sum() > 0
