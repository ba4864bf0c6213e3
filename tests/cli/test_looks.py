"""Tables at every width, bars of probabilities, digits, and what data and doctor print."""

import json

import polars as pl
import pytest

from conv4rec.benchmark.summary import Row
from conv4rec.cli.answers import bars, show_answers
from conv4rec.cli.bench_output import _show_rows
from conv4rec.cli.console import plain
from conv4rec.cli.tables import Table, percent

SCREENS = [60, 80, 100, None]  # None: redirected


@pytest.fixture
def printed(capfd, monkeypatch):
    """Print something on a screen of some width; gives its lines."""

    def run(screen, show, *arguments, **options):
        monkeypatch.delenv("COLUMNS", raising=False)
        if screen is not None:
            monkeypatch.setenv("COLUMNS", str(screen))
        capfd.readouterr()
        show(*arguments, **options)
        lines = capfd.readouterr().out.splitlines()
        assert screen is None or max(len(line) for line in lines) <= screen
        return lines

    return run


def test_bars_grow_with_the_probabilities():
    assert bars([0.0, 0.5, 1.0]) == "▁▅█"
    assert bars([0.2] * 5) == "█████"


@pytest.mark.parametrize(
    ("probability", "text"),
    [(0.34, "34%"), (0.0312, "3.1%"), (0.00414, "0.41%"), (1e-6, "<0.01%"), (0.0, "0.00%")],
)
def test_percentages_have_two_significant_digits(probability, text):
    assert percent(probability) == text


@pytest.mark.parametrize("screen", SCREENS)
def test_recommendations_show_every_cell_whole(printed, screen):
    title = "A very long title of many words " * 4
    row = {"user_id": 1, "rank": 10, "item_id": 123456, "title": title.strip()}
    row |= {"score": 0.1, "p_consume": 0.1, "p_like": 0.5, "expected_rating": 3.5}
    frame = pl.DataFrame([row | {f"p_rating_{level}": 0.1 for level in range(10)}])
    lines = printed(screen, show_answers, frame, held_out={123456: "rated 4.5"})
    text = "\n".join(lines)
    for whole in ("██████████", "P(like)", "50%", "rated 4.5", "123456", "P(consume)"):
        assert whole in text
    assert text.count("very") == 4
    assert "…" not in text
    assert (len(lines) == 3) == (screen is None)  # the title goes on in further lines


def bench_rows():
    names = ("conv4rec", "irspack-edlae", "surprise-svdpp")
    interval = {"mean": -0.0123, "low": -0.0456, "high": 0.0789, "n_users": 9}
    metrics = ("ndcg@20", "rmse", "nll")
    costs = {"fit_s": 1234.0, "score_s": 12.3, "peak_rss_mb": 4321.0}
    for name in names:
        runs = [
            {"seed": seed, "tuned": {"on": "x"}, "distribution": "gaussian", **costs}
            | {metric: 0.5 + seed / 10 for metric in metrics}
            for seed in (0, 1)
        ]
        differences = {metric: interval for metric in metrics}
        yield Row(name, runs, None if name == "conv4rec" else {"differences": differences})


@pytest.mark.parametrize("screen", SCREENS)
def test_a_bench_shows_every_name_interval_and_cost_whole(printed, screen):
    text = "\n".join(printed(screen, _show_rows, list(bench_rows())))
    for name in ("conv4rec *~", "irspack-edlae *~", "surprise-svdpp *~", "fit s", "score", "GB"):
        assert name in text
    assert text.count("−.012 [−.046,+.079]") == 6
    assert text.count("0.5500 ±0.0707") == 9
    assert text.count("1,234") == text.count("12.3") == text.count("4.32") == 3
    assert "…" not in text


def test_a_wide_table_repeats_its_first_column_in_every_part():
    table = Table(["name", *"abcdef"], ("name",))
    table.add("first row", *["123456"] * 6)
    table.add("second row", "1", *[""] * 5)
    first, second = table.parts(40)
    assert first[0].split() == ["name", "a", "b", "c"]
    assert second[0].split() == ["name", "d", "e", "f"]
    assert len(first) == 4
    assert len(second) == 3  # a row without a cell in a part is left out of it
    assert [len(part) for part in table.parts(None)] == [4]


def test_a_word_wider_than_the_screen_goes_on_in_the_next_line():
    table = Table(["where"], ("where",))
    table.add("/a/path/" + "x" * 60)
    (lines,) = table.parts(40)
    assert "".join(lines[2:]) == "/a/path/" + "x" * 60
    assert max(len(line) for line in lines) == 40


def test_json_has_null_for_nan_and_infinity():
    assert json.dumps(plain({"a": float("nan"), "b": (1, float("inf"))})) == (
        '{"a": null, "b": [1, null]}'
    )


def test_data_show_and_list_and_doctor_describe_the_machine(say, log_file, monkeypatch, tmp_path):
    shown = say("data", "show", log_file, "--json").json
    assert (shown["n_users"], shown["n_interactions"], shown["like_threshold"]) == (40, 400, 4.0)
    assert sum(shown["level_counts"].values()) == 400
    assert "█" in say("data", "show", log_file).out
    (tmp_path / "mine").mkdir()
    pl.read_csv(log_file).write_parquet(tmp_path / "mine" / "ratings.parquet")
    monkeypatch.setenv("CONV4REC_DATA", str(tmp_path))
    listed = say("data", "list", "--json").json["datasets"]
    assert {"name": "mine", "where": str(tmp_path / "mine")} in listed
    found = say("doctor", "--json").json
    assert "mine" in found["datasets_here"]
    assert found["versions"]["conv4rec"]
    assert say("doctor").code == 0
