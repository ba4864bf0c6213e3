"""Tables and pictures come from records alone, and show what the newest of them say."""

import sys
import xml.etree.ElementTree as ET

import pytest

from conv4rec.benchmark.report import all_splits, fill, fill_pages, summaries
from conv4rec.benchmark.report_pictures import draw_all
from conv4rec.benchmark.summary import left_out, rows_of

TABLE = {"n": [5, 5], "predicted": [0.2, 0.8], "observed": [0.3, 0.7], "low": [0.1, 0.6],
         "high": [0.5, 0.8]}  # fmt: skip
SIZES = {"users": 943, "items": 1682, "levels": 5, "train": 80000, "test": 20000}


def run(model, seed=0, tuned=None, share=0.0, dataset="ml-100k/u1", **figures):
    return {
        "kind": "run", "dataset": dataset, "model": model, "seed": seed, "tuned": tuned,
        "drop_labels": share, "sizes": SIZES, "distribution": "own", "infinite": [],
        "fit_s": 2.0, "score_s": 0.5, "peak_rss_mb": 300.0, "machine": {"n_cpus": 2},
        "calibration": {}, "foresight": None, **figures,
    }  # fmt: skip


def comparison(model, metric, mean, is_tuned=False, against_is_tuned=False):
    return {
        "kind": "comparison", "dataset": "ml-100k/u1", "model": model, "drop_labels": 0.0,
        "is_tuned": is_tuned, "against": "conv4rec", "against_is_tuned": against_is_tuned,
        "differences": {metric: {"mean": mean, "low": -0.5, "high": 0.5, "n_users": 9}},
    }  # fmt: skip


OURS = run("conv4rec", **{"ndcg@20": 0.53, "rmse": 0.9, "nll": 1.2, "ece": 0.02},
           calibration={"like": TABLE, "1": TABLE, "5": TABLE},
           foresight={"k": 20, "expected": 0.5, "achieved": 0.4, "rank_correlation": 0.3,
                      "table": TABLE})  # fmt: skip
EASE = [run("ease", seed, **{"ndcg@20": value}) for seed, value in enumerate((0.54, 0.56))]
MEANS = run("means", rmse=0.95, nll=1.3, distribution="gaussian", ece=0.04,
            calibration={"like": TABLE, "1": TABLE, "5": TABLE})  # fmt: skip
ALL = [OURS, *EASE, MEANS, comparison("ease", "ndcg@20", 0.02)]


def test_rows_are_ours_then_rankers_by_ndcg_then_raters_by_rmse():
    assert [row.model for row in rows_of(ALL, "ml-100k/u1")] == ["conv4rec", "ease", "means"]


def test_a_row_is_the_mean_over_its_seeds_with_the_spread():
    text = all_splits(ALL)
    assert "| ease | 0.5500 ± 0.0141 | +0.0200 [−0.5000, +0.5000] |" in text
    assert "| means ~ |" in text
    assert "| 2.0 | 0.50 | 300 |" in text


def test_the_newest_run_of_a_seed_counts():
    newer = run("ease", 1, **{"ndcg@20": 0.50})
    (row,) = (row for row in rows_of([*ALL, newer], "ml-100k/u1") if row.model == "ease")
    assert row.metric("ndcg@20").mean == pytest.approx(0.52)


def test_tuned_and_default_settings_are_never_mixed():
    tuned = run("ease", 0, tuned={"on": "x"}, **{"ndcg@20": 0.6})
    records = [*ALL, tuned, comparison("ease", "ndcg@20", 0.07, is_tuned=True)]
    (row,) = (row for row in rows_of(records, "ml-100k/u1") if row.model == "ease")
    assert (row.is_tuned, row.seeds) == (True, [0])
    assert row.difference("ndcg@20").mean == 0.07
    assert r"| ease \* | 0.6000 | +0.0700" in all_splits(records)
    (back,) = (r for r in rows_of([*records, EASE[0]], "ml-100k/u1") if r.model == "ease")
    assert back.seeds == [0, 1]
    assert back.difference("ndcg@20").mean == 0.02


def test_a_difference_to_another_kind_of_ours_is_not_shown():
    tuned = {**OURS, "tuned": {"on": "x"}}
    rows = rows_of([*ALL, tuned], "ml-100k/u1")
    assert all(row.comparison is None for row in rows)


def test_the_loss_of_an_outcome_of_probability_zero_is_infinite():
    never = run("never", nll=None, rmse=1.0, infinite=["nll"])
    assert "| ∞ |" in all_splits([OURS, never])


def test_a_missing_model_is_named_until_it_has_figures():
    failed = {"kind": "failure", "dataset": "ml-100k/u1", "model": "ease", "seed": 0,
              "drop_labels": 0.0, "reason": "killed by SIGKILL"}  # fmt: skip
    gone = {"kind": "absent", "dataset": "ml-100k/u1", "model": "elsa", "drop_labels": 0.0,
            "reason": "not installed; pip install it"}  # fmt: skip
    assert left_out([OURS, failed, gone], "ml-100k/u1") == [
        "ease (seed 0): killed by SIGKILL",
        "elsa: not installed; pip install it",
    ]
    assert left_out([failed, gone, *EASE, run("elsa")], "ml-100k/u1") == []
    assert left_out([*EASE, failed], "ml-100k/u1") == ["ease (seed 0): killed by SIGKILL"]
    assert "- elsa: not installed" in all_splits([OURS, gone])


def test_pages_are_filled_between_their_markers_only():
    page = "before <!-- bench all -->old<!-- end bench --> between <!-- bench summary -->" \
           "<!-- end bench --> after"  # fmt: skip
    filled = fill(page, ALL)
    assert filled.startswith("before <!-- bench all -->\n### ml-100k/u1\n")
    assert " between " in filled
    assert filled.endswith("<!-- end bench --> after")
    assert "| `ml-100k/u1` | NDCG@20 | 0.5300 | ease | 0.5500 ± 0.0141 | +0.0200" in filled
    assert "| `ml-100k/u1` | RMSE | 0.9000 | means | 0.9500 |" in filled
    assert fill(filled, ALL) == filled


def test_label_scarcity_is_a_table_of_its_own():
    scarce = run("conv4rec", share=0.5, rmse=0.95, nll=1.3)
    text = all_splits([*ALL, scarce])
    assert "| RMSE / NLL, labels dropped | 0% | 50% |" in text
    assert "| conv4rec | 0.900 / 1.200 | 0.950 / 1.300 |" in text


def test_pictures_are_well_formed_and_pages_show_those_that_are_there(tmp_path):
    records = [*ALL, run("conv4rec", share=0.5, rmse=0.95, nll=1.3)]
    written = draw_all(records, tmp_path)
    kinds = {path.stem.removeprefix("ml-100k-u1-") for path in written}
    assert kinds == {"time", "reliability", "levels", "lists", "labels"}
    for path in written:
        assert ET.parse(path).getroot().tag.endswith("svg")
    text = (tmp_path / "ml-100k-u1-time.svg").read_text()
    assert all(name in text for name in ("conv4rec", "ease", "means"))
    page = tmp_path / "page.md"
    page.write_text("<!-- bench all --><!-- end bench -->")
    assert fill_pages(records, tmp_path) == [page]
    assert "(ml-100k-u1-lists.svg)" in page.read_text()
    assert fill_pages(records, tmp_path) == []


def test_without_matplotlib_a_report_has_no_pictures_and_says_why(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.warns(UserWarning, match=r"pip install 'conv4rec\[plots\]'"):
        assert draw_all(ALL, tmp_path) == []


def test_programs_get_the_same_rows():
    found = {row["model"]: row for row in summaries(ALL)}
    assert found["ease"]["metrics"]["ndcg@20"]["mean"] == pytest.approx(0.55)
    assert found["ease"]["differences"]["ndcg@20"]["mean"] == 0.02
    assert found["means"]["distribution"] == "gaussian"
