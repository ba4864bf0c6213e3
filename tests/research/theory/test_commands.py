"""`python -m research.theory`: each experiment prints, draws, and says mistakes in one sentence."""

import json
import sys
import xml.etree.ElementTree as ET

import pytest

from research.theory import emergence, recovery
from research.theory.sampling_schemes import SCHEMES


def words_of(picture):
    return " ".join(ET.fromstring(picture.read_text("utf-8")).itertext())


def test_bounds_and_certificates_are_drawn_against_the_size_of_the_sample(
    run, model_folder, new_users_file, tmp_path
):
    out = tmp_path / "picture.svg"
    more = ("--data", new_users_file, "--out", out)
    printed = run("theory", "bound-picture", model_folder, *more)
    assert printed.code == 0, printed.err
    for name in ("rating", "uniform guess", "norms, kernel once", "n = 120 at hand"):
        assert name in words_of(out)
    assert run("theory", "certificate-picture", model_folder, *more).code == 0
    for name in ("1 - recall@20", "squared error", "betting", "held-out users"):
        assert name in words_of(out)


def test_ranks_while_training_are_printed_and_drawn(run, model_folder, tmp_path):
    out = tmp_path / "training.svg"
    printed = run("theory", "ranks", model_folder, "--out", out)
    assert printed.code == 0, printed.err
    assert "random start: step" in printed.out
    assert "logit map" in words_of(out)
    printed = run("theory", "ranks", model_folder, "--json")
    assert set(json.loads(printed.out)["starts"]) == {"default start", "random start"}


def test_emergence_runs_on_a_log_too(run, new_users_file, tmp_path, monkeypatch):
    whole, real = emergence.emergence, emergence.real_emergence
    few = {"depths": (1, 2), "steps": 5}
    monkeypatch.setattr(emergence, "emergence", lambda **_: whole(**few))
    monkeypatch.setattr(emergence, "real_emergence", lambda log, **_: real(log, **few))
    out = tmp_path / "picture.svg"
    printed = run("theory", "emergence", "--data", new_users_file, "--out", out)
    assert printed.code == 0, printed.err
    assert "120 users" in printed.out
    assert "truth" in printed.out
    assert "Ratings log" in words_of(out)
    assert "Synthetic world" in words_of(out)
    tasks = json.loads(run("theory", "emergence", "--data", new_users_file, "--json").out)["tasks"]
    assert [task["truth"] is None for task in tasks] == [False, True]


def test_recovery_is_printed_and_drawn(run, tmp_path, monkeypatch):
    def points(seeds):
        return tuple(
            recovery.Point(100 * 2**n, seed, 0.5 / (n + 1), 0.6, 0.5, 0.4, None)
            for n in range(5) for seed in seeds
        )  # fmt: skip

    monkeypatch.setattr(recovery, "recover", lambda worlds, seeds: [
        recovery.Recovery(SCHEMES[world], points(seeds)) for world in worlds
    ])  # fmt: skip
    out = tmp_path / "picture.svg"
    words = ("theory", "recover", "--world", "drift", "--seeds", "2")
    printed = run(*words, "--out", out, "--json")
    assert printed.code == 0, printed.err
    (world,) = json.loads(printed.out)["worlds"]
    assert (world["world"], world["guarantee_holds"], len(world["points"])) == ("drift", False, 10)
    assert "drift (no guarantee)" in words_of(out)
    assert "does not hold" in " ".join(run(*words).out.split())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("recover", "--world", "flat"), "--world is one of uniform"),
        (("recover", "--out", "picture.gif"), "--out draws .svg"),
        (("recover", "--out", "no/such/folder/picture.svg"), "there is no folder"),
        (("bound-picture", "MODEL", "--out", "a.svg", "--confidence", "2"), "between 0 and 1"),
        (("bound-picture", "no-model", "--out", "a.svg"), "no-model"),
        (("emergence", "--data", "no-such-data"), "no data set 'no-such-data'"),
        (("pages", "ml-9"), "pages are made for synthetic, ml-100k, ml-1m; got 'ml-9'"),
        (("recover", "--wrold", "drift"), "No such option"),
    ],
)
def test_mistakes_are_one_sentence(run, model_folder, words, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = run("theory", *[model_folder if word == "MODEL" else word for word in words])
    assert printed.code == 2
    assert sentence in printed.sentence
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_a_picture_names_the_extra(run, model_folder, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    printed = run("theory", "ranks", model_folder, "--out", tmp_path / "a.svg")
    assert printed.code == 2
    assert "pip install 'conv4rec[plots]'" in printed.sentence
