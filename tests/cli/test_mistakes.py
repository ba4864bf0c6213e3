"""Every mistake of a command line is one sentence, exit code 2, and never a traceback."""

import shutil

import pytest


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("fit nowhere.csv --out new", "there is no file nowhere.csv"),
        ("fit nowhere --out new", "no data set 'nowhere'"),
        ("fit {log} --out {texts}", "choose a new or empty folder"),
        ("fit {log} --out new --columns user_id=client", "no column 'client'"),
        ("fit {log} --out new --columns client", "--columns takes name=value"),
        ("fit {log} --out new --levels one,two", "--levels is a list of numbers"),
        ("fit {log} --out new --levels 1,2", "is not on the scale 1, 2"),
        ("fit {log} --out new --set depth=3", "'depth' is not a setting"),
        ("fit {log} --out new --set n_steps=many", "the value is a number"),
        (
            "fit {log} --out new --preset best",
            "preset must be 'default', 'fast' or 'paper'; got 'best'",
        ),
        (
            "fit {log} --out new --device abacus",
            "device must be one that torch can use here, such as 'cpu'; got 'abacus'",
        ),
        ("fit {log} --out new --threads 99999", "threads must be a whole number from 1 to 1024"),
        (
            "fit {log} --out new --set n_step=3",
            "'n_step' is not a setting: did you mean 'n_steps'?",
        ),
        ("fit {log} --out new --set seed=3", "'seed' is not a setting"),
        ("fit {log} --out new --set n_steps=true", "n_steps must be a whole number of at least 1"),
        ("fit {log} --out new --threads 0", "threads must be a whole number from 1 to 1024; got 0"),
        ("fit {log} --out new --resume", "there is no interrupted training"),
        ("fit {log} --out new --like-threshold 9", "like threshold 9 is above the top"),
        ("fit {log}", "Missing option '--out'"),
        ("evaluate", "--dataset NAME/SPLIT or --data FILE"),
        ("evaluate --dataset movielens-2016", "no split 'movielens-2016'"),
        ("evaluate --dataset ml-100k/u1 --sep ;", "--sep is for files"),
        ("evaluate --train {log}", "give both"),
        ("evaluate --train {log} --test {log} --folds 3", "--folds is of --data or --dataset"),
        ("evaluate --data {log} --folds 1 --model means", "folds must be from 2 to"),
        ("data show {log} --sep ;", "with ';' between them: --sep '...' states another"),
        ("data show {log} --encoding klingon", "there is no encoding 'klingon'"),
        ("data show {log} --time-format soon", "--time-format is a pattern such as %d/%m/%Y"),
        ("data show {log} --columns item_id=", "item_id cannot be switched off"),
        ("data show https://example.org/r.csv", "download it first"),
        ("bench --data - --models popularity", "each model of a bench reads the ratings anew"),
        ("evaluate --data {log} --model magic", "--model is one of"),
        ("evaluate --data {log} --model ease --split zz", "no split 'zz'"),
        ("evaluate --data {log} --model ease --set n_steps=3", "ease has no settings"),
        ("recommend {model}", "say for whom"),
        ("recommend {model} --user u03 --all", "say for whom"),
        ("recommend {model} --all", "say where with --out"),
        ("recommend {model} --user u3", "did you mean"),
        ("recommend {model} --user u03 -k 0", "k must be a whole number of at least 1; got 0"),
        ("recommend {model} --user u03 --by magic", "by must be one of consume"),
        ("recommend {model} --user u03 --allow i99", "item 'i99' is not in the catalogue"),
        ("recommend {model} --user u03 --out list.pdf", "--out writes .csv or .parquet"),
        ("recommend {model} --user u03 --out no/list.csv", "there is no folder no"),
        ("recommend {model} --user u03 --titles {log}", "no column for title in the table"),
        ("recommend {texts} --user u03", "is not a model saved by conv4rec"),
        ("recommend nowhere --user u03", "there is no folder nowhere"),
        ("predict {model} nowhere.csv", "there is no file nowhere.csv"),
        ("predict {model} {log} --history nowhere.csv", "there is no file nowhere.csv"),
        ("explain {model} --user nobody", "user 'nobody' is not in the training data"),
        ("data show nowhere", "no data set 'nowhere'"),
        ("data fetch nowhere", "no data set 'nowhere'"),
        ("fly", "No such command 'fly'"),
    ],
)
def test_one_sentence_says_what_was_wrong(
    say, words, sentence, log_file, model_folder, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "thesis.tex").write_text("years of work")
    places = {"log": log_file, "model": model_folder, "texts": "texts"}
    said = say(*[word.format(**places) for word in words.split()])
    assert said.code == 2
    assert sentence in said.sentence
    assert said.sentence.startswith("Error: ")
    assert "Traceback" not in said.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["texts"]


@pytest.mark.parametrize(
    ("content", "option"),
    [
        ("user,item,date\n1,2,1/2/2020\n", "--time-format '%d/%m/%Y' or '%m/%d/%Y'"),
        ("user,item,date\n1,2,1/2/2020\n", "switch the column off with --columns timestamp="),
        ("user,item,stars\n1,2,NA\n", "--unrated 'NA'"),
        ("1,2,5\n", "pass --no-header"),
        ("user,item\n1,\xe9\n", "--encoding 'latin-1'"),
    ],
)
def test_what_cannot_be_found_out_is_asked_for_by_the_option(say, tmp_path, content, option):
    (tmp_path / "log.csv").write_text(content, encoding="latin-1")
    said = say("data", "show", tmp_path / "log.csv")
    assert said.code == 2
    assert option in said.sentence


def test_a_column_that_is_missing_is_asked_for_by_the_option(say, tmp_path):
    (tmp_path / "log.csv").write_text("client,item_id\n1,2\n")
    said = say("data", "show", tmp_path / "log.csv")
    assert said.code == 2
    assert "--columns user_id=NAME" in said.sentence


def test_a_damaged_model_is_one_sentence(say, model_folder, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(model_folder, folder)
    weights = next(folder.glob("weights*"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    said = say("recommend", folder, "--user", "u03")
    assert said.code == 2
    assert "is damaged" in said.sentence


def test_unknown_items_of_a_new_user_are_noted(say, model_folder, tmp_path):
    (tmp_path / "new.csv").write_text("user_id,item_id,rating\nx,i01,5\nx,i99,5\n")
    said = say("recommend", model_folder, "--history", tmp_path / "new.csv", "-k", "2")
    assert said.code == 0
    assert said.err.startswith("note: 1 of 2 interactions are with items")
