"""Tables fit the screen, bars show chances, and figures have the digits that count."""

import json

import polars as pl
import pytest

from conv4rec.cli.console import plain
from conv4rec.cli.tables import percent, show_answers, spark


def test_bars_grow_with_the_chances():
    assert spark([0.0, 0.5, 1.0]) == "▁▅█"
    assert spark([0.2] * 5) == "█████"


@pytest.mark.parametrize(
    ("probability", "text"),
    [(0.34, "34%"), (0.0312, "3.1%"), (0.00414, "0.41%"), (1e-6, "<0.01%"), (0.0, "0.00%")],
)
def test_percentages_have_two_digits_that_count(probability, text):
    assert percent(probability) == text


@pytest.mark.parametrize("width", [80, 100])
def test_ten_levels_and_a_long_title_fit_the_screen(capfd, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    row = {"user_id": 1, "rank": 10, "item_id": 123456, "title": "A very long title " * 9}
    row |= {"score": 0.1, "p_consume": 0.1, "p_like": 0.5, "expected_rating": 3.5}
    frame = pl.DataFrame([row | {f"p_rating_{level}": 0.1 for level in range(10)}])
    show_answers(frame, held_out={123456: "rated 4.5"})
    out = capfd.readouterr().out
    assert max(len(line) for line in out.splitlines()) == width
    for whole in ("██████████", "P(like)", "50%", "rated 4.5", "123456", "A very"):
        assert whole in out


def test_json_has_null_for_what_is_not_a_number():
    assert json.dumps(plain({"a": float("nan"), "b": (1, float("inf"))})) == (
        '{"a": null, "b": [1, null]}'
    )


def test_data_show_and_list_and_doctor_tell_what_is_there(say, log_file, monkeypatch, tmp_path):
    shown = say("data", "show", log_file, "--json").json
    assert (shown["n_users"], shown["n_interactions"], shown["like_threshold"]) == (40, 400, 4.0)
    assert sum(shown["level_counts"].values()) == 400
    (tmp_path / "mine").mkdir()
    pl.read_csv(log_file).write_parquet(tmp_path / "mine" / "ratings.parquet")
    monkeypatch.setenv("CONV4REC_DATA", str(tmp_path))
    listed = say("data", "list", "--json").json["datasets"]
    assert {"name": "mine", "where": str(tmp_path / "mine")} in listed
    found = say("doctor", "--json").json
    assert "mine" in found["datasets_here"]
    assert found["versions"]["conv4rec"]
    assert say("doctor").code == 0
