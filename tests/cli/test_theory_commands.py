"""The theory room through the front door."""

import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from conv4rec.data.synthetic import two_tribes


@pytest.fixture(scope="session")
def new_users_file(tmp_path_factory):
    """100 other people of the two tribes, over the same items."""
    log = two_tribes(n_users=100, crossing=0.3).sample(10, np.random.default_rng(9))
    path = tmp_path_factory.mktemp("log") / "strangers.csv"
    frame = log.to_frame()
    frame.with_columns(user_id="new" + frame["user_id"]).write_csv(path)
    return path


def test_bounds_stand_beside_the_gap_and_the_empty_ones_are_called_vacuous(
    say, model_folder, new_users_file
):
    words = ("theory", "bound", model_folder, "--data", new_users_file)
    found = say(*words, "--json").json
    for side in ("consume", "rating"):
        assert found["measured"][side]["setting"] == "A"
        assert found["measured"][side]["n"] == 40
    names = [line["name"] for line in found["bounds"]]
    assert len(set(names)) == 17
    for line in found["bounds"]:
        assert line["vacuous"] == (line["value"] >= line["trivial"])
    said = say(*words)
    assert said.code == 0
    assert "vacuous" in said.out
    assert "does not promise" in said.out
    assert "log_cover: consume_in" in said.out


def test_bounds_and_certificates_are_drawn_against_the_size_of_the_sample(
    say, model_folder, new_users_file, tmp_path
):
    out = tmp_path / "picture.svg"
    data = ("--data", new_users_file, "--out", out, "--json")
    assert say("theory", "bound", model_folder, *data).code == 0
    words = " ".join(ET.fromstring(out.read_text("utf-8")).itertext())
    for name in ("consume", "rating", "guessing evenly", "norms, kernel once", "n = 40 at hand"):
        assert name in words
    assert say("theory", "certify", model_folder, *data).code == 0
    words = " ".join(ET.fromstring(out.read_text("utf-8")).itertext())
    for name in ("1 - recall@20", "squared error", "betting", "held-out users"):
        assert name in words


def test_without_fresh_rows_no_gap_is_claimed(say, model_folder):
    said = say("theory", "bound", model_folder)
    assert "of the model's tables" in said.out
    assert "No gap measured" in said.out
    assert say("theory", "bound", model_folder, "--json").json["measured"] is None


def test_a_certificate_is_a_sentence_and_a_table(say, model_folder, new_users_file):
    words = ("theory", "certify", model_folder, "--data", new_users_file, "-k", "5")
    said = say(*words)
    assert said.code == 0
    sentence = " ".join(said.out.split())
    assert "With 95% confidence, a new user's average recall@5 is at least 0." in sentence
    assert "squared rating error is at most" in sentence
    found = say(*words, "--json").json
    assert [guarantee["name"] for guarantee in found["guarantees"]] == [
        "recall@5", "squared_error", "rating_log_loss", "consume_log_loss"
    ]  # fmt: skip
    recall = found["guarantees"][0]
    assert recall["hoeffding"] < recall["betting"] < recall["mean"]


def test_a_certificate_from_training_users_is_refused(say, model_folder, log_file):
    said = say("theory", "certify", model_folder, "--data", log_file)
    assert said.code == 2
    assert "40 of 40 held-out users trained this model" in said.sentence


def test_spectra_are_printed(say, model_folder):
    said = say("theory", "spectrum", model_folder)
    assert "logit map" in said.out
    assert "entropy rank" in said.out
    maps = [row["map"] for row in say("theory", "spectrum", model_folder, "--json").json["spectra"]]
    assert maps[:3] == ["encoder", "decoder", "logit map"]


def test_ranks_while_training_are_printed_and_drawn(say, model_folder, tmp_path):
    out = tmp_path / "training.svg"
    said = say("theory", "spectrum", model_folder, "--training", "--out", out)
    assert said.code == 0
    assert "random start: step" in said.out
    assert "logit map" in " ".join(ET.fromstring(out.read_text("utf-8")).itertext())
    found = say("theory", "spectrum", model_folder, "--training", "--json").json
    assert set(found["starts"]) == {"default start", "random start"}


def test_the_experiment_runs_on_a_log_too(say, log_file, tmp_path, monkeypatch):
    from research.theory import emergence as room

    whole, real = room.emergence, room.real_emergence
    monkeypatch.setattr(room, "emergence", lambda **_: whole(depths=(1, 2), steps=5))
    monkeypatch.setattr(room, "real_emergence", lambda log, **_: real(log, depths=(1, 2), steps=5))
    out = tmp_path / "picture.svg"
    said = say("theory", "spectrum", "--emergence", "--data", log_file, "--out", out)
    assert said.code == 0
    assert "40 users" in said.out
    assert "truth" in said.out
    words = " ".join(ET.fromstring(out.read_text("utf-8")).itertext())
    assert "Ratings log" in words
    assert "Made-up world" in words
    tasks = say("theory", "spectrum", "--emergence", "--data", log_file, "--json").json["tasks"]
    assert [task["truth"] is None for task in tasks] == [False, True]


def test_recovery_is_drawn(say, tmp_path, monkeypatch):
    from research.theory import recovery as room

    monkeypatch.setattr(room, "recover", lambda worlds, seeds: [
        room.Recovery(room.LAWS[world], tuple(
            room.Point(100 * 2**n, seed, 0.5 / (n + 1), 0.6, 0.5, 0.4, None)
            for n in range(5) for seed in seeds))
        for world in worlds
    ])  # fmt: skip
    out = tmp_path / "picture.svg"
    said = say("theory", "recover", "--world", "drift", "--seeds", "2", "--out", out, "--json")
    assert said.code == 0
    (world,) = said.json["worlds"]
    assert (world["world"], world["guarantee_holds"], len(world["points"])) == ("drift", False, 10)
    assert "drift (no guarantee)" in " ".join(ET.fromstring(out.read_text("utf-8")).itertext())
    shown = say("theory", "recover", "--world", "drift", "--seeds", "2")
    assert "does not hold" in " ".join(shown.out.split())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("recover", "--world", "flat"), "--world is one of uniform"),
        (("recover", "--out", "picture.gif"), "--out draws .svg"),
        (("recover", "--out", "no/such/folder/picture.svg"), "there is no folder"),
        (("spectrum",), "name one"),
        (("spectrum", "MODEL", "--emergence"), "name one"),
        (("spectrum", "MODEL", "--data", "x.csv"), "--data is for --emergence"),
        (("spectrum", "--emergence", "--training"), "--training is of a MODEL"),
        (("spectrum", "MODEL", "--out", "x.svg"), "add --training"),
        (("bound", "MODEL", "--confidence", "2"), "--confidence lies between 0 and 1"),
    ],
)
def test_mistakes_are_one_sentence(say, model_folder, words, sentence):
    said = say("theory", *[model_folder if word == "MODEL" else word for word in words])
    assert said.code == 2
    assert sentence in said.sentence


def test_the_last_line_is_json_for_every_theory_command(say, model_folder):
    said = say("theory", "spectrum", model_folder, "--json")
    assert json.loads(said.out.splitlines()[-1])["model"] == str(model_folder)
