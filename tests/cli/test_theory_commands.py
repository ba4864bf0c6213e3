"""`conv4rec theory`: bounds, certificates and spectra of a saved model."""

import json
from typing import get_args

import numpy as np
import pytest

from conv4rec.data.synthetic import two_tribes
from conv4rec.recommender.guarantees.generalization_gap import Side


@pytest.fixture(scope="session")
def new_users_file(tmp_path_factory):
    """100 other users of the two tribes, over the same items."""
    log = two_tribes(n_users=100, crossing=0.3).sample(10, np.random.default_rng(9))
    path = tmp_path_factory.mktemp("log") / "new-users.csv"
    frame = log.to_frame()
    frame.with_columns(user_id="new" + frame["user_id"]).write_csv(path)
    return path


def test_bounds_stand_beside_the_gap_and_the_empty_ones_are_called_vacuous(
    say, model_folder, new_users_file
):
    words = ("theory", "bound", model_folder, "--data", new_users_file)
    found = say(*words, "--json").json
    for side in get_args(Side):
        assert found["measured"][side]["setting"] == "A"
        assert found["measured"][side]["n"] == 40
    names = [line["name"] for line in found["bounds"]]
    assert len(set(names)) == 17
    for line in found["bounds"]:
        assert line["vacuous"] == (line["value"] >= line["trivial"])
    printed = say(*words)
    assert printed.code == 0
    assert "vacuous" in printed.out
    assert "does not guarantee" in printed.out
    assert "log_cover: consume_in" in printed.out


def test_without_fresh_rows_no_gap_is_claimed(say, model_folder):
    printed = say("theory", "bound", model_folder)
    assert "of the neural component" in printed.out
    assert "No gap measured" in printed.out
    assert say("theory", "bound", model_folder, "--json").json["measured"] is None


def test_a_certificate_is_a_sentence_and_a_table(say, model_folder, new_users_file):
    words = ("theory", "certify", model_folder, "--data", new_users_file, "-k", "5")
    printed = say(*words)
    assert printed.code == 0
    sentence = " ".join(printed.out.split())
    assert "With 95% confidence, a new user's average recall@5 is at least 0." in sentence
    assert "squared rating error is at most" in sentence
    found = say(*words, "--json").json
    assert [guarantee["name"] for guarantee in found["guarantees"]] == [
        "recall@5", "squared_error", "rating_log_loss", "consume_log_loss"
    ]  # fmt: skip
    recall = found["guarantees"][0]
    assert recall["hoeffding"] < recall["betting"] < recall["mean"]


def test_a_certificate_from_training_users_is_refused(say, model_folder, log_file):
    printed = say("theory", "certify", model_folder, "--data", log_file)
    assert printed.code == 2
    assert "40 of 40 held-out users trained this model" in printed.sentence


def test_spectra_are_printed(say, model_folder):
    printed = say("theory", "spectrum", model_folder)
    assert "logit map" in printed.out
    assert "entropy rank" in printed.out
    maps = [row["map"] for row in say("theory", "spectrum", model_folder, "--json").json["spectra"]]
    assert maps[:3] == ["encoder", "decoder", "logit map"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("spectrum",), "Missing argument"),
        (("bound", "MODEL", "--confidence", "2"), "--confidence lies between 0 and 1"),
    ],
)
def test_mistakes_are_one_sentence(say, model_folder, words, sentence):
    printed = say("theory", *[model_folder if word == "MODEL" else word for word in words])
    assert printed.code == 2
    assert sentence in printed.sentence


def test_the_last_line_is_json_for_every_theory_command(say, model_folder):
    printed = say("theory", "spectrum", model_folder, "--json")
    assert json.loads(printed.out.splitlines()[-1])["model"] == str(model_folder)
