"""estimate, and fit --dry-run: one answer, and nothing is written."""

import polars as pl


def test_estimate_and_a_dry_run_say_the_same_and_write_nothing(say, log_file, tmp_path):
    words = ("--set", "n_steps=7", "--json")
    estimated = say("estimate", log_file, *words)
    assert estimated.code == 0
    dry = say("fit", log_file, "--dry-run", "--out", tmp_path / "model", *words)
    assert dry.code == 0
    for name in ("memory_mb", "users", "items", "interactions"):
        assert dry.json[name] == estimated.json[name]
    assert set(dry.json["stages"]) == set(estimated.json["stages"])
    assert dry.json["seconds"] > 0
    assert not (tmp_path / "model").exists()
    assert not (tmp_path / "model.training").exists()


def test_people_read_a_line_a_stage(say, log_file):
    said = say("estimate", log_file)
    assert said.code == 0
    for expected in ("40 users", "validation fits", "processor time, one thread", "peak memory"):
        assert expected in said.out
    assert "peak memory" in say("fit", log_file, "--dry-run").out
    elsewhere = say("fit", log_file, "--dry-run", "--device", "meta")
    assert elsewhere.code == 0
    assert "the cost on a processor: that on meta is not estimated" in elsewhere.err


def test_a_fit_that_is_not_dry_needs_a_folder(say, log_file):
    said = say("fit", log_file)
    assert (said.code, said.out) == (2, "")
    assert said.sentence.startswith("Error: Missing option '--out'")


def test_logs_with_types_are_estimated_and_more_of_them_costs_more(say, tmp_path):
    seconds = {}
    for name, n_users in (("few", 40), ("many", 4000)):
        rows = [(u, (7 * u + i) % 90, kind) for u in range(n_users) for i in range(9)
                for kind in ("view", "buy")[: 1 + i % 2]]  # fmt: skip
        table = pl.DataFrame(rows, schema=["user_id", "item_id", "type"], orient="row")
        table.write_csv(tmp_path / f"{name}.csv")
        seconds[name] = say("estimate", tmp_path / f"{name}.csv", "--json").json["stages"]
    assert seconds["few"]["types: training"] < seconds["many"]["types: training"]
    assert seconds["few"]["types: hidden events"] < seconds["many"]["types: hidden events"]
    rated = table.head(600).with_columns(rating=pl.col("item_id") % 5 + 1)
    rated.write_csv(tmp_path / "rated.csv")
    said = say("fit", tmp_path / "rated.csv", "--dry-run")
    assert said.code == 0
    for expected in ("600 events", "types: training", "final fit", "peak memory"):
        assert expected in said.out
