"""A saved model gives the same answers in another process, and refuses to load if changed."""

import copy
import hashlib
import json
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.numpy import load_file, save

from conv4rec import Conv4Rec
from conv4rec.errors import SavedModelError, SettingError
from conv4rec.recommender import known_users
from conv4rec.recommender.saved_checks import POSTERIORS
from conv4rec.train import components


@pytest.fixture
def folder(fitted_model, tmp_path):
    fitted_model.save(tmp_path / "model")
    return tmp_path / "model"


def reforge(folder, part, change):
    """Replace the arrays of one part, with names and checksums as a right save would have them."""
    manifest = json.loads((folder / "manifest.json").read_text())
    path = folder / manifest["files"][part]["file"]
    arrays = load_file(path)
    arrays = change(arrays) or arrays
    content = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    path.write_bytes(content)
    manifest["files"][part]["sha256"] = hashlib.sha256(content).hexdigest()
    manifest["files"][part]["crc32"] = f"{zlib.crc32(content):08x}"
    reseal(folder, manifest)


def reseal(folder, manifest):
    manifest.pop("sha256")
    text = json.dumps(manifest, sort_keys=True)
    manifest["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_loaded_model_gives_the_very_same_answers(fitted_model, folder):
    loaded = Conv4Rec.load(folder)
    for options in ({"by": "consume"}, {"by": "like"}, {"by": "discover", "min_p_like": 0}):
        ours = fitted_model.recommend(k=3, **options)
        assert loaded.recommend(k=3, **options).equals(ours)
    assert loaded.profile("u07") == fitted_model.profile("u07")
    assert loaded.similar_items("i03").equals(fitted_model.similar_items("i03"))
    assert loaded.kernels().equals(fitted_model.kernels())
    assert loaded.config_ == fitted_model.config_
    assert loaded.n_parameters_ == fitted_model.n_parameters_
    assert loaded.fitted_.validation_results == fitted_model.fitted_.validation_results
    log, before = loaded.interactions_, fitted_model.interactions_
    assert log.to_frame().equals(before.to_frame())
    assert (log.levels, log.report) == (before.levels, before.report)


def test_a_model_of_a_loaded_model_is_the_same_folder(folder, tmp_path):
    Conv4Rec.load(folder).save(tmp_path / "again")
    names = {path.name for path in folder.iterdir()}
    assert {path.name for path in (tmp_path / "again").iterdir()} == names
    for name in names:
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


IN_A_NEW_PROCESS = """
import sys, torch
torch.set_num_threads(1)
from conv4rec import Conv4Rec
Conv4Rec.load(sys.argv[1]).recommend(k=5, by="consume_and_like").write_parquet(sys.argv[2])
print("torch._dynamo" in sys.modules)
"""


def test_a_new_process_gives_the_same_five_items(fitted_model, folder, tmp_path):
    command = [sys.executable, "-c", IN_A_NEW_PROCESS, str(folder), str(tmp_path / "lists")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    there, here = (
        pl.read_parquet(tmp_path / "lists"),
        fitted_model.recommend(k=5, by="consume_and_like"),
    )
    assert there.equals(here)
    assert done.stdout.strip() == "False"  # the compiler, over a second to import, is not needed


@pytest.mark.parametrize(
    "ids",
    [
        ["", "a", "é", "e\u0301", "日本", "🎬", "\u202eabc", "x" * 10_000, "nul\0byte", "1", "1.0"],
        [-(2**63), -1, 0, 1, 7, 2**53 + 1, 2**63 - 1],
        [0, 1, 2**63, 2**64 - 1],
    ],
)
def test_ids_come_back_exactly(ids, small, tmp_path):
    log = pl.DataFrame({"user_id": ids, "item_id": ids[::-1], "rating": [1, 2, 5][: len(ids)] * 0
                        + [1 + n % 3 for n in range(len(ids))]})  # fmt: skip
    model = Conv4Rec(**small).fit(log)
    model.save(tmp_path / "model")
    loaded = Conv4Rec.load(tmp_path / "model")
    for kind in ("users", "items"):
        back = getattr(loaded.interactions_, kind)
        assert back == getattr(model.interactions_, kind)
        assert back.to_series().to_list() == sorted(ids)
    assert all(loaded.recommend(id, k=1)["user_id"].to_list() == [id] for id in ids)
    assert loaded.recommend(k=2).equals(model.recommend(k=2))


def test_timestamps_and_settings_are_kept(small, tmp_path):
    log = pl.DataFrame({"user_id": [1, 1, 2], "item_id": [1, 2, 1], "rating": [0.5, 4.5, 4.5],
                        "timestamp": [5, None, 10**9]})  # fmt: skip
    model = Conv4Rec(seed=3, like_threshold=4.5, preset="paper", **small).fit(log)
    model.save(tmp_path / "model")
    loaded = Conv4Rec.load(tmp_path / "model", max_memory_mb=5)
    assert loaded.interactions_.to_frame().equals(model.interactions_.to_frame())
    assert (loaded.seed, loaded.like_threshold, loaded.preset) == (3, 4.5, "paper")
    assert loaded.max_memory_mb == 5
    again = loaded.fit(log)
    assert again.recommend(k=1, exclude_seen=False).equals(model.recommend(k=1, exclude_seen=False))


def test_settings_may_be_numbers_of_numpy(mixed, small, tmp_path):
    numbers = {
        "seed": np.int64(3),
        "learning_rate": np.float32(0.25),
        "consume_reg_factors": np.array([0.5]),
    }
    model = Conv4Rec(**{**small, **numbers}).fit(mixed)
    model.save(tmp_path / "model")
    loaded = Conv4Rec.load(tmp_path / "model")
    assert loaded.config_ == model.config_
    assert loaded.recommend(k=3).equals(model.recommend(k=3))
    assert loaded.seed == 3


def test_a_binned_scale_is_kept(rng, small, tmp_path):
    log = pl.DataFrame({"user_id": np.repeat(range(20), 5), "item_id": np.tile(range(5), 20),
                        "rating": rng.uniform(-10, 10, 100)})  # fmt: skip
    model = Conv4Rec(**small).fit(log)
    model.save(tmp_path / "model")
    assert Conv4Rec.load(tmp_path / "model").interactions_.levels == model.interactions_.levels


WRONG_WEIGHTS = {
    "not a number": lambda a: a.update(
        {"network.consume_out": np.full_like(a["network.consume_out"], np.nan)}
    ),
    "infinite": lambda a: a.update(
        {"network.level_bias": np.full_like(a["network.level_bias"], -np.inf)}
    ),
    "one too many": lambda a: a.update(extra=np.zeros(3, np.float32)),
    "one missing": lambda a: {n: v for n, v in a.items() if n != "network.rate_out"},
    "no item side": lambda a: {n: v for n, v in a.items() if n != "item_side.column"},
    "fewer items": lambda a: a.update({"network.consume_out": a["network.consume_out"][:-1]}),
    "other counts": lambda a: a.update({"item_side.type_counts": np.zeros((3, 6), np.float32)}),
}


WRONG_TYPES = {
    "float64": lambda a: a.astype(np.float64),
    "float16": lambda a: a.astype(np.float16),
    "int64": lambda a: a.astype(np.int64),
    "one axis more": lambda a: a[None],
    "flat": lambda a: np.concatenate([a.reshape(-1), a.reshape(-1)]),
    "empty": lambda a: a.reshape(-1)[:0],
}


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    """A folder with every component, to alter and restore."""
    folder = tmp_path_factory.mktemp("golden") / "model"
    shutil.copytree(Path(__file__).parents[1] / "golden" / "schema-3" / "model", folder)
    return folder


@pytest.mark.parametrize("change", WRONG_TYPES.values(), ids=WRONG_TYPES.keys())
def test_no_array_may_have_another_type_or_shape(golden, change):
    original = {path: path.read_bytes() for path in golden.iterdir()}
    manifest = json.loads((golden / "manifest.json").read_bytes())
    for part in manifest["files"]:
        for name, array in load_file(golden / manifest["files"][part]["file"]).items():
            changed = change(array)
            if (changed.dtype, changed.shape) == (array.dtype, array.shape):
                continue
            reforge(golden, part, lambda a, n=name, c=changed: a.update({n: c}))
            with pytest.raises(SavedModelError):
                pytest.fail(f"{name} was loaded: {Conv4Rec.load(golden)}")
            for path, content in original.items():
                path.write_bytes(content)


ABSURD_WEIGHTS = {
    "huge": ("network.rate_in", lambda a: a + 1e30),
    "no precision": ("bayesian_mf.precision", lambda a: -a),
    "factors without bounds": ("bayesian_mf.precision", lambda a: a * 1e-20),
    "a crooked precision": ("bayesian_mf.precision", lambda a: a + np.eye(4, 4, 1, np.float32)),
    "a flat precision": ("bayesian_mf.response_style_precision", lambda a: a * 0),
    "negative noise": ("bayesian_mf.noise", lambda a: -a),
    "a share above 1": ("bayesian_mf.share", lambda a: a + 1),
    "thresholds in disorder": ("bayesian_mf.thresholds", lambda a: a[:, ::-1]),
    "neighbours that are no items": ("slim.items", lambda a: a + 100),
    "negative similarity": ("slim.weights", lambda a: a - 10),
    "a negative floor": ("slim.scale", lambda a: -a),
    "negative counts": ("item_side.type_counts", lambda a: a - 100),
}


@pytest.mark.parametrize(("name", "change"), ABSURD_WEIGHTS.values(), ids=ABSURD_WEIGHTS.keys())
def test_weights_that_no_training_leaves_are_refused(golden, name, change):
    original = {path: path.read_bytes() for path in golden.iterdir()}
    reforge(golden, "weights", lambda a: a.update({name: change(a[name])}))
    with pytest.raises(SavedModelError, match="not a model this version reads"):
        Conv4Rec.load(golden)
    for path, content in original.items():
        path.write_bytes(content)


def test_weights_that_have_no_solution_are_our_error(fitted_model):
    def fails(*_, **__):
        raise torch.linalg.LinAlgError("not positive-definite")

    broken = copy.copy(fitted_model)
    broken.scoring_ = copy.copy(fitted_model.scoring_)
    broken.scoring_.encode = fails
    with pytest.raises(SavedModelError, match="not of a trained model"):
        broken.recommend(k=1)
    with pytest.raises(SavedModelError, match="not of a trained model"):
        broken.profile("u01")


@pytest.mark.parametrize("stage", ["sample_bayesian_mf", "choose_share", "KnownUsers.solved"])
def test_a_fit_without_a_solution_says_that_training_diverged(mixed, monkeypatch, stage):
    def fails(*_, **__):
        raise torch.linalg.LinAlgError("not positive-definite")

    module = known_users if stage.startswith("KnownUsers") else components
    monkeypatch.setattr(f"{module.__name__}.{stage}", fails)
    with pytest.raises(SettingError, match=r"^training diverged, .*: not positive-definite$"):
        Conv4Rec(n_steps=2, mf_sweeps=4, mf_draws=2).fit(mixed)


@pytest.mark.parametrize("change", WRONG_WEIGHTS.values(), ids=WRONG_WEIGHTS.keys())
def test_weights_of_another_shape_or_not_finite_are_refused(folder, change):
    def changed(arrays):
        found = change(arrays)
        return found if isinstance(found, dict) else arrays

    reforge(folder, "weights", changed)
    with pytest.raises(SavedModelError):
        Conv4Rec.load(folder)


WRONG_HISTORIES = {
    "an item beyond the catalogue": lambda a: a["item_numbers"].__setitem__(0, 37),
    "a negative item": lambda a: a["item_numbers"].__setitem__(0, -1),
    "a level beyond the scale": lambda a: a["level_numbers"].__setitem__(0, 5),
    "starts that go back": lambda a: a["starts"].__setitem__(3, 0),
    "starts beyond the end": lambda a: a["starts"].__setitem__(-1, 10**6),
    "a user too few": lambda a: a.update(starts=a["starts"][:-1]),
    "starts of 32 bits": lambda a: a.update(starts=a["starts"].astype(np.float32)),
    "an item twice": lambda a: a["item_numbers"].__setitem__(1, a["item_numbers"][0]),
    "an array more": lambda a: a.update(more=a["starts"]),
    "no items": lambda a: a.pop("item_numbers") is None,
}


@pytest.mark.parametrize("change", WRONG_HISTORIES.values(), ids=WRONG_HISTORIES.keys())
def test_histories_that_point_out_of_their_tables_are_refused(folder, change):
    def changed(arrays):
        arrays = {name: np.array(array) for name, array in arrays.items()}
        change(arrays)
        return arrays

    reforge(folder, "histories", changed)
    with pytest.raises(SavedModelError):
        Conv4Rec.load(folder)


WRONG_FACTS = {
    "other sizes": lambda f: f["network"].update(n_items=36),
    "huge sizes": lambda f: f["network"].update(n_levels=10**12),
    "huge width": lambda f: f["network"].update(consume_size=10**12),
    "many channels": lambda f: f["network"].update(n_rating_channels=10**9),
    "an unknown switch": lambda f: f["network"].update(attention=True),
    "no options": lambda f: f.pop("options"),
    "no settings": lambda f: f["options"].pop("settings"),
    "an unknown option": lambda f: f["options"].update(shell="rm"),
    "no network": lambda f: f.update(network=None),
    "other levels": lambda f: f["levels"].update(values=[1, 2, 3]),
    "levels that are text": lambda f: f["levels"].update(values="abcde"),
    "liking that is text": lambda f: f["options"].update(like_threshold="x"),
    "liking that is a list": lambda f: f["options"].update(like_threshold=[4]),
    "liking above the scale": lambda f: f["options"].update(like_threshold=9),
    "a seed that is text": lambda f: f["options"].update(seed="1"),
    "a preset that is none": lambda f: f["options"].update(preset=None),
    "weights that are text": lambda f: f["ensemble_weights"].update(slim="much"),
    "a schedule without steps": lambda f: f["schedule"].update(stops=[]),
    "results that are text": lambda f: f.update(validation_results=["good"]),
    "edges that are not finite": lambda f: f["levels"].update(edges=[float("nan")] * 4),
    "a count that is text": lambda f: f["report"].update(n_rows="many"),
    "a policy that is none": lambda f: f["report"].update(duplicates="toss"),
    "no report": lambda f: f.update(report=[]),
}


@pytest.mark.parametrize("change", WRONG_FACTS.values(), ids=WRONG_FACTS.keys())
def test_facts_that_do_not_fit_are_refused(folder, change):
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest["facts"])
    reseal(folder, manifest)
    with pytest.raises(SavedModelError):
        Conv4Rec.load(folder)


def test_parts_of_two_models_do_not_make_one(folder, tribes, small, tmp_path):
    Conv4Rec(**small).fit(tribes).save(tmp_path / "other")
    ours = json.loads((folder / "manifest.json").read_text())
    theirs = json.loads((tmp_path / "other" / "manifest.json").read_text())
    ours["files"]["histories"] = theirs["files"]["histories"]
    name = theirs["files"]["histories"]["file"]
    (folder / name).write_bytes((tmp_path / "other" / name).read_bytes())
    reseal(folder, ours)
    with pytest.raises(SavedModelError, match="different models"):
        Conv4Rec.load(folder)


def test_a_folder_that_is_not_there_says_so(tmp_path):
    with pytest.raises(SavedModelError, match="there is no folder"):
        Conv4Rec.load(tmp_path / "nowhere")


def test_saving_over_a_model_of_other_data_replaces_all_of_it(folder, tribes, small):
    model = Conv4Rec(**small).fit(tribes)
    model.save(folder)
    assert Conv4Rec.load(folder).recommend(k=2).equals(model.recommend(k=2))
    assert len(list(folder.iterdir())) == 4


def test_a_folder_of_an_earlier_schema_says_to_fit_again(folder):
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "schema": 1}))
    with pytest.raises(SavedModelError, match=r"schema 1, .* reads schema 3: fit the model again"):
        Conv4Rec.load(folder)


def test_training_users_need_not_be_solved_in_a_folder(fitted_model, folder):
    reforge(folder, "weights", lambda a: {n: array for n, array in a.items() if n != POSTERIORS})
    loaded = Conv4Rec.load(folder)
    assert loaded.scoring_.known is None
    found, expected = (each.recommend("u03", k=3, by="like") for each in (loaded, fitted_model))
    assert found["item_id"].equals(expected["item_id"])
    np.testing.assert_allclose(found["score"], expected["score"], rtol=2e-5)


@pytest.mark.parametrize(
    "change",
    [
        lambda solved: solved[1:],
        lambda solved: solved * 0,  # no variance is 0
        lambda solved: solved + np.float32(1e3),  # nor a level bias 1,000
        lambda solved: solved * np.float32(np.nan),
    ],
    ids=["users", "zeros", "biases", "nan"],
)
def test_solved_users_are_such_as_a_fit_leaves(folder, change):
    reforge(folder, "weights", lambda a: {**a, POSTERIORS: change(a[POSTERIORS])})
    with pytest.raises(SavedModelError, match=r"known_users|different models"):
        Conv4Rec.load(folder)
