"""A run keeps a record from which it can be repeated."""

import json
import subprocess
import sys

import numpy as np
import pytest

import conv4rec
from conv4rec.baselines import Popularity
from conv4rec.data import Interactions, split_log
from conv4rec.data.synthetic import two_tribes
from conv4rec.errors import NotFittedError, SettingError
from conv4rec.evaluate import evaluate
from conv4rec.evaluate.provenance import peak_rss_mb
from conv4rec.recommender import as_scorer
from conv4rec.recommender.fit_and_evaluate import ModelChoice, per_user_frame, run

SMALL = {
    **{"n_steps": 6, "consume_size": 8, "rate_size": 4, "consume_reg_factors": (1.0,)},
    **{"mf_sweeps": 20, "mf_draws": 4},
}


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


def test_a_frame_is_split_like_its_interactions(log):
    frame = log.to_frame()
    found, expected = split_log(frame, "r2"), split_log(Interactions.from_frame(frame), "r2")
    assert found.name == "log/r2"
    assert found.test.to_frame().equals(expected.test.to_frame())


@pytest.mark.parametrize("kind", ["r", "half", "r0x", None])
def test_an_unknown_kind_of_split_is_refused(log, kind):
    with pytest.raises(SettingError, match=f"no split {kind!r}: there are r0"):
        split_log(log, kind)


def test_a_model_and_its_scorer_have_the_same_metrics(log):
    split = split_log(log, "new-users", name="tribes")
    model = conv4rec.Conv4Rec(**SMALL).fit(split.train)
    found = conv4rec.evaluate_model(model, split, ranking_metrics=["ndcg@5"])
    assert found.metrics == evaluate(as_scorer(model), split, ranking_metrics=["ndcg@5"]).metrics
    assert found["ndcg@5"] > 0


def test_what_cannot_be_evaluated_is_refused(log):
    split = split_log(log)
    with pytest.raises(NotFittedError, match="call fit"):
        conv4rec.evaluate_model(conv4rec.Conv4Rec(), split)
    with pytest.raises(SettingError, match=r"Conv4Rec or have the methods .*; got int"):
        conv4rec.evaluate_model(3, split)
    with pytest.raises(SettingError, match="unknown ranking metric 'mrr'"):
        conv4rec.evaluate_model(Popularity().fit(split.train), split, ranking_metrics=["mrr"])


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
