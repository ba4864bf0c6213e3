"""The ablation page is made from its records; fits add only the lines that are missing."""

import json

import pytest

from research.ablation import fits, ladder, leave_one_out, parts
from research.ablation.fits import PAGE


def line(variant, seed=0, log="a", **figures):
    return {"log": log, "variant": variant, "seed": seed,
            **{"ndcg@20": 0.2, "rmse": 1.0, "nll": 1.5}, **figures}  # fmt: skip


@pytest.mark.parametrize("script", [parts, leave_one_out, ladder], ids=lambda s: s.__name__)
def test_the_page_has_the_figures_of_its_records(script):
    text = PAGE.read_text(encoding="utf-8")
    assert script.tables(fits.read(script.RECORDS)) in text, "run `... --table`"


def test_parts_are_differences_over_the_seeds_that_both_have():
    records = [
        line("all parts", 0), line("all parts", 1, rmse=2.0),
        line("not centred", 0, rmse=1.5), line("not centred", 7, rmse=9.0),
        line("all parts", log="b"), line("not centred", log="b", rmse=0.9),
    ]  # fmt: skip
    rmse = parts.tables(records).split("\n\n")[1]
    assert "| RMSE | a | b | mean |" in rmse
    assert "| all parts | 1.5000 | 1.0000 |  |" in rmse
    assert "| not centred | +0.5000 | -0.1000 | +0.2000 |" in rmse


def test_a_log_without_all_parts_has_a_table_of_its_own():
    made = parts.tables([line("all parts"), line("no ridge, one side", log="c", nll=1.25)])
    assert made.endswith("| one side, no ridge | 0.2000 | 1.0000 | 1.2500 |")
    assert "| NDCG@20 | a | mean |" in made


@pytest.fixture
def quick(monkeypatch):
    """Fits of the ladder that take no time; yields what they were asked for."""
    asked = []

    def fit(log, settings, seed, metrics):
        asked.append((log, settings, seed))
        return {metric: 0.5 for metric in metrics} | {"fit_s": 0.1}

    for module in (ladder, leave_one_out):
        monkeypatch.setattr(module, "fit_and_measure", fit)
    return asked


def test_only_missing_lines_are_made(quick, tmp_path):
    path = tmp_path / "ladder.jsonl"
    fits.append(path, {"log": "a", "rung": "BayesianMF"})
    made = list(ladder.measure(["a"], path))
    assert [each["rung"] for each in made] == [r for r in ladder.RUNGS if r != "BayesianMF"]
    assert len(quick) == len(ladder.RUNGS) - 1
    assert list(ladder.measure(["a"], path)) == []
    assert len(list(leave_one_out.measure(["a"], tmp_path / "one.jsonl"))) == 26


def test_every_variant_is_a_setting_of_the_model_as_it_is():
    from conv4rec import Conv4Rec

    for variants in (parts.VARIANTS, leave_one_out.WITHOUT, ladder.RUNGS):
        for settings in variants.values():
            Conv4Rec(**settings)


def test_one_variant_is_fitted_and_measured(monkeypatch, tribes):
    monkeypatch.setattr(fits, "training_part", lambda _: tribes)
    monkeypatch.setitem(parts.VARIANTS, "small", {"n_steps": 3, "consume_reg_factors": (1.0,)})
    record = parts.one_fit(("tribes", "small", 1))
    assert {"ndcg@20", "rmse", "nll", "ece", "fit_s", "commit"} <= record.keys()
    assert (record["log"], record["variant"], record["seed"]) == ("tribes", "small", 1)
    json.dumps(record)


def test_synthetic_logs_are_what_they_are_called():
    log = fits.training_part("blocks")
    assert (log.n_users, log.n_levels) == (1200, 5)
    assert log.n_items <= 1120


def test_the_command_fills_the_page_from_the_records(run, monkeypatch, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a <!-- parts -->old<!-- end parts --> b")
    monkeypatch.setattr(parts, "fill_page", lambda marker, text: fits.fill_page(marker, text, page))
    assert run("ablation", "parts", "--table").code == 0
    text = page.read_text()
    assert text.startswith("a <!-- parts -->\n| NDCG@20 |")
    assert text.endswith("<!-- end parts --> b")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("parts",), "name the logs to fit"),
        (("ladder", "ml-100k/u1", "--table"), "name the logs to fit"),
        (("leave_one_out", "nope/r0"), "no data set 'nope'"),
        (("ladder", "ml-100k"), "no split 'ml-100k'"),
        (("ladder", "coat/mar:some"), "NAME/SPLIT:N_USERS; got 'coat/mar:some'"),
        (("parts", "blocks", "--seeds", "0"), "--seeds"),
    ],
)
def test_mistakes_are_one_sentence(run, words, sentence):
    printed = run("ablation", *words)
    assert printed.code == 2
    assert sentence in printed.sentence
