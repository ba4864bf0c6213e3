"""Our model and other candidates are measured on the same pairs, with provenance."""

import numpy as np
import polars as pl
import pytest

from conv4rec.benchmark import records
from conv4rec.data import Split, random_split
from conv4rec.errors import SettingError
from research.discovery import tables
from research.discovery.candidates import chosen
from research.discovery.exposed_pairs import exposed_pairs
from research.discovery.metrics import Discovery
from research.discovery.random_exposure import (
    Configuration,
    comparisons,
    evaluate,
    list_scores,
    listed_pairs,
)


@pytest.fixture(scope="module")
def split(mixed):
    train, test = random_split(mixed, test_share=0.3, seed=0)
    return Split("mixed/r0", train, given=train, test=test)


@pytest.fixture(scope="module")
def lines(split, small):
    sentences = []
    configuration = Configuration(split, ("means",), (0, 1), small)
    found = list(evaluate(configuration, sentences.append))
    assert len(sentences) == 4
    return found


def test_all_are_measured_on_the_pairs_that_ours_calls_unlikely(lines):
    runs = records.runs(lines)
    assert [(run["model"], run["seed"]) for run in runs] == [
        ("conv4rec", 0), ("means", 0), ("conv4rec", 1), ("means", 1)
    ]  # fmt: skip
    for ours, theirs in (runs[:2], runs[2:]):
        assert ours["n_unlikely"] == theirs["n_unlikely"] > 0
        assert ours["base"] == theirs["base"]
        assert ours["best@3"] == theirs["best@3"]
        assert ours["deciles"]["observed"] == theirs["deciles"]["observed"]


def test_a_line_holds_its_provenance_and_can_be_stored(lines, tmp_path):
    for run in records.runs(lines):
        assert {"settings", "config", "versions", "machine", "commit", "fit_s"} <= set(run)
    assert lines[0]["changed"]
    assert not lines[1]["changed"]
    path = records.file_of(tmp_path, "mixed/r0")
    for line in lines:
        records.append(path, line)
    assert len(records.read(path)) == len(lines)


def test_tables_are_means_over_seeds(lines):
    runs = [run for run in records.runs(lines) if run["model"] == "means"]
    mean = np.mean([run["auc_like"] for run in runs])
    row = next(line for line in tables.candidates(lines).splitlines() if "| means |" in line)
    assert f"{mean:.3f} ±" in row
    text = tables.fill("<!-- candidates -->\nold\n<!-- end candidates -->", {"coat-mar": lines})
    assert "old" not in text
    assert row in text
    assert tables.by_decile(lines).count("| 10 |") == 1
    predicted = np.mean([run["listed_p_like"] for run in runs])
    assert f"| {predicted:.3f} ±" in tables.candidates(lines, tables.LISTED_COLUMNS)
    differences = tables.differences(lines)
    assert differences.count("| means |") == 1
    assert differences.count("[") == 2
    far = tables.fill("<!-- far -->\n<!-- end far -->", {"ml-1m-time": lines})
    assert f"| {mean:.3f} ±" in far


def test_our_pairs_are_ranked_as_recommend_ranks_them(split, small):
    from conv4rec import Conv4Rec
    from conv4rec.recommender import as_scorer

    model = Conv4Rec(seed=0, **small).fit(split.train)
    scorer = as_scorer(model)
    shown = exposed_pairs(scorer, split)
    scores = list_scores(scorer, split, shown, min_p_like=0)
    user = split.given.users.ids(shown.users[:1])[0]
    frame = model.recommend([user], k=3, by="discover", min_p_like=0)
    wanted = dict(zip(frame["item_id"], frame["score"], strict=True))
    items = split.train.items.ids(shown.items)
    own = [i for i in range(len(items)) if shown.users[i] == shown.users[0] and items[i] in wanted]
    assert all(scores[i] == pytest.approx(wanted[items[i]]) for i in own)
    assert np.isneginf(scores[shown.percentiles > 0.6]).all()
    assert np.isfinite(list_scores(scorer, split, shown, novelty=0, min_p_like=0)).all()


def test_what_is_listed_is_what_recommend_lists(split, small):
    from conv4rec import Conv4Rec
    from conv4rec.recommender import as_scorer

    model = Conv4Rec(seed=0, **small).fit(split.train)
    scorer = as_scorer(model)
    shown = exposed_pairs(scorer, split)
    listed = listed_pairs(scorer, split, shown)
    answers = model.predict(shown_ids(split, shown))
    assert 0 < listed.discoveries.sum() < listed.candidates.sum() < len(shown.users)
    assert (listed.discoveries == listed.candidates & (answers["p_like"].to_numpy() >= 0.5)).all()


def shown_ids(split, shown):
    users, items = split.given.users.ids(shown.users), split.train.items.ids(shown.items)
    return pl.DataFrame({"user_id": users, "item_id": items})


def test_an_unknown_candidate_is_one_sentence():
    assert chosen("means,mf") == ("conv4rec", "means", "mf")
    with pytest.raises(SettingError, match="there is no 'magic'; there are conv4rec, means"):
        chosen("magic")


def test_models_are_compared_on_the_users_with_unlikely_pairs_with_every_seed():
    ours = [figures({1: 0.0, 2: 1.0, 3: 0.5}), figures({1: 1.0, 2: 1.0, 4: 0.0})]
    theirs = [figures({1: 1.0, 2: 0.0, 3: 0.0}), figures({1: 1.0, 2: 0.0, 4: 0.0})]
    fewer = [theirs[0]]
    line, listed = comparisons("coat/mar", {"conv4rec": ours, "other": theirs, "one seed": fewer})
    assert (line["model"], line["metric"]) == ("other", "discovery_precision@3")
    assert (listed["model"], listed["metric"]) == ("other", "listed_precision@3")
    assert listed["difference"]["mean"] == pytest.approx(2 * line["difference"]["mean"])
    difference = line["difference"]
    assert difference["mean"] == pytest.approx(np.mean([1.0 - 0.5, 0.0 - 1.0]))  # users 1 and 2
    assert difference["low"] == -1.0
    assert difference["high"] == 0.5


def figures(precision):
    """Figures of users by number: discovery_precision@3, and listed_precision@3 twice that."""
    shares = np.array(list(precision.values()))
    users = np.array(list(precision))
    return Discovery(
        {}, {}, {"discovery_precision@3": shares, "listed_precision@3": 2 * shares}, users
    )


def test_an_evaluation_ends_with_the_differences(lines):
    line, _ = [line for line in lines if line["kind"] == "comparison"]
    assert line["model"] == "means"
    runs = {name: [r["discovery_precision@3"] for r in records.runs(lines) if r["model"] == name]
            for name in ("means", "conv4rec")}  # fmt: skip
    gap = np.mean(runs["means"]) - np.mean(runs["conv4rec"])
    assert line["difference"]["mean"] == pytest.approx(gap, abs=0.02)
