"""What a fit costs: made-up logs of any size, exponents, the table and the picture."""

import json

import numpy as np
import pytest

from conv4rec.errors import SettingError
from research.cost import growth
from research.cost.made_up import made_up

RECORDS = [
    {"varied": size, **growth.BASE, size: value, "cpu_s": value**0.5, "peak_mb": 10.0 * value}
    for size, values in (("rows", (10, 100, 1000)), ("items", (5,)))
    for value in values
]


def test_a_made_up_log_has_the_sizes_asked_for_and_a_long_tail():
    log = made_up(300, 400, 5_000, 3)
    assert (len(log), log.n_rated, log.n_levels) == (5_000, 5_000, 3)
    assert log.n_users <= 300
    counts = np.sort(np.bincount(log.item_numbers))[::-1]
    assert counts[:40].sum() > 0.25 * len(log)  # a tenth of the items
    shares = np.bincount(log.level_numbers) / len(log)
    np.testing.assert_allclose(shares, 1 / 3, atol=0.01)
    with pytest.raises(SettingError, match="more than a quarter"):
        made_up(10, 10, 26)


def test_an_exponent_is_the_slope_on_logarithmic_axes():
    assert growth.slope(RECORDS, "rows", "cpu_s") == pytest.approx(0.5)
    assert growth.slope(RECORDS, "rows", "peak_mb") == pytest.approx(1.0)
    assert np.isnan(growth.slope(RECORDS, "items", "cpu_s"))


def test_a_small_fit_is_measured_and_shown_in_table_and_picture(tmp_path, monkeypatch, run):
    monkeypatch.setattr(growth, "BASE", {"rows": 300, "users": 40, "items": 50, "levels": 3})
    monkeypatch.setattr(growth, "GRIDS", {"rows": (200, 400, 90_000)})
    monkeypatch.setattr(growth, "in_a_process", growth.fit_once)
    records, out = tmp_path / "r.jsonl", tmp_path / "cost.svg"
    words = ["n_steps=2", "mf_draws=0", "consume_reg_factors=[]"]
    changes = [word for change in words for word in ("--set", change)]
    printed = run("cost", "growth", "rows", "--decades", 1, "--records", records, *changes)
    assert printed.code == 0, printed.err
    lines = [json.loads(line) for line in records.read_text().splitlines()]
    assert [line["rows"] for line in lines] == [200, 400]
    assert all(line["cpu_s"] > 0 and line["peak_mb"] > 0 for line in lines)
    printed = run("cost", "table", "--records", records, "--out", out)
    assert printed.code == 0, printed.err
    assert "| rows | 400 | 40 | 50 | 3 |" in printed.out
    assert "| exponent |" in printed.out
    assert out.read_text().startswith("<svg")


def test_a_large_log_is_fitted_and_evaluated_on_what_was_hidden(run, monkeypatch):
    monkeypatch.setattr("research.cost.large.USERS", 30)
    words = ["--set", "n_steps=2", "--set", "mf_draws=0", "--set", "consume_reg_factors=[]"]
    printed = run("cost", "large", 60, 50, 600, *words)
    assert printed.code == 0, printed.err
    record = json.loads(printed.out)
    assert record["rows"] == 600
    assert record["fit_s"] >= 0  # rounded
    assert 0 < record["ndcg@20"] <= 1


def test_mistakes_are_one_sentence(run, tmp_path):
    assert run("cost", "growth", "columns").sentence.endswith("rows, users, items, levels")
    assert "'abacus'" in run("cost", "large", 60, 50, 600, "--device", "abacus").sentence
    missing = run("cost", "table", "--records", tmp_path / "none.jsonl")
    assert (missing.code, "run growth first" in missing.sentence) == (2, True)
