"""Every command reads every kind of file, in the same words."""

import sys

import polars as pl
import pytest

ITEMS = "artikel;titel\ni01;Erster\ni02;Zweiter\n"


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Files that are read only as stated, and some that are found out."""
    monkeypatch.chdir(tmp_path)
    contents = {
        "log.csv": "kunde|artikel|note|datum\n" + "".join(
            f"u{u}|i{i}|{(u * i) % 5}|01/02/2020\n" for u in range(8) for i in range(u % 3, 6)
        ),
        "history.csv": "kunde;artikel;note\nnew;i01;5\nnew;i02;1\n",
        "pairs.csv": "kunde,artikel,note,datum\nnew,i03,n/a,never\nnew,i04,,\n",
        "standard.csv": "user_id,item_id\nnew,i03\n",
        "items.csv": ITEMS,
        "items.tsv": "item_id\tname\ni01\tFirst, the\n",
        "others.csv": "item_id,title\nx,None of these\n",
        "allow.txt": "i01\ni02\n",
    }  # fmt: skip
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    return tmp_path


GERMAN = ("--columns", "user_id=kunde,item_id=artikel,rating=note,timestamp=")


@pytest.mark.usefixtures("files")
def test_a_log_is_read_as_stated(say):
    said = say("data", "show", "log.csv", *GERMAN, "--unrated", "0", "--json")
    assert said.json["levels"] == [1, 2, 3, 4]
    assert said.json["n_interactions"] > said.json["n_rated"] > 0
    dated = GERMAN[1].replace("timestamp=", "timestamp=datum")
    said = say("data", "show", "log.csv", "--columns", dated, "--time-format", "%d/%m/%Y")
    assert "from 2020-02-01 to 2020-02-01" in said.out


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("words", "rows"),
    [
        ("recommend {model} --history history.csv -k 3", 3),
        ("recommend {model} --history history.csv -k 3 --allow items.csv --include-seen", 2),
        ("recommend {model} --history history.csv -k 3 --allow allow.txt --include-seen", 2),
        ("predict {model} pairs.csv --history history.csv", 2),
        ("predict {model} standard.csv --history history.csv", 1),
    ],
)
def test_histories_pairs_and_lists_of_items_take_the_same_options(say, model_folder, words, rows):
    words = words.format(model=model_folder).split()
    columns = ("--columns", "user_id=kunde,item_id=artikel,rating=note")
    said = say(*words, *columns, "--json")
    assert said.code == 0, said.err
    assert len(said.json.get("recommendations", said.json.get("predictions"))) == rows


@pytest.mark.usefixtures("files")
def test_titles_of_any_form_are_found(say, model_folder):
    words = ("recommend", model_folder, "--user", "u03", "--allow", "i01", "--include-seen")
    said = say(*words, "--titles", "items.tsv", "--json")
    assert said.json["recommendations"][0]["title"] == "First, the"
    named = ("--columns", "item_id=artikel,title=titel")
    said = say(*words, "--titles", "items.csv", *named, "--json")
    assert said.json["recommendations"][0]["title"] == "Erster"
    said = say(*words, "--titles", "others.csv")
    assert said.err.startswith("note: no title in others.csv is of an item of the model")


def test_ids_of_a_text_file_have_the_type_of_the_model(say, tmp_path):
    rows = [(user, item, 1 + (user + item) % 5) for user in range(6) for item in range(5)]
    log = pl.DataFrame(rows, schema=["user", "item", "rating"], orient="row")
    log.cast({"user": pl.String, "item": pl.String}).write_parquet(tmp_path / "log.parquet")
    words = ("--set", "n_steps=2", "--set", "mf_sweeps=4", "--set", "mf_draws=2")
    assert say("fit", tmp_path / "log.parquet", "--out", tmp_path / "m", *words).code == 0
    log.head(2).write_csv(tmp_path / "pairs.csv")
    assert say("predict", tmp_path / "m", tmp_path / "pairs.csv").code == 0
    assert say("recommend", tmp_path / "m", "--history", tmp_path / "pairs.csv").code == 0


def test_standard_input_works_wherever_a_file_does(say, files, log_file, model_folder, monkeypatch):
    history = files / "history.csv"
    history.write_text("user_id,item_id,rating\nnew,i01,5\n")
    for content, words in (
        (log_file, ("data", "show", "-", "--json")),
        (log_file, ("evaluate", "--data", "-", "--model", "popularity", "--json")),
        (history, ("recommend", model_folder, "--history", "-", "--json")),
        (files / "standard.csv", ("predict", model_folder, "-", "--history", history, "--json")),
        (files / "allow.txt", ("recommend", model_folder, "--user", "u03", "--allow", "-")),
        (files / "items.tsv", ("recommend", model_folder, "--user", "u03", "--titles", "-")),
    ):
        with content.open() as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            assert say(*words).code == 0, words


def test_own_parts_and_folds_are_evaluated(say, tmp_path, log):
    frame = log.to_frame()
    frame.gather_every(2).write_csv(tmp_path / "a.csv")
    frame.gather_every(2, 1).write_csv(tmp_path / "b.csv", separator=";")
    words = ("evaluate", "--model", "means", "--json")
    said = say(*words, "--train", tmp_path / "a.csv", "--test", tmp_path / "b.csv").json
    assert said["dataset"] == "a/b"
    assert said["sizes"]["train"] == said["sizes"]["test"] == len(log) // 2
    frame.write_csv(tmp_path / "all.csv")
    said = say(*words, "--data", tmp_path / "all.csv", "--folds", "4").json
    rmse = [fold["rmse"] for fold in said["folds"]]
    assert len(rmse) == 4
    assert said["mean"]["rmse"] == pytest.approx(sum(rmse) / 4)
    assert min(rmse) < said["mean"]["rmse"] < max(rmse)
    assert "folds of all, seed 0" in say(*words[:-1], "--data", tmp_path / "all.csv",
                                         "--folds", "2").out  # fmt: skip
