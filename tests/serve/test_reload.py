"""A newer model takes the place of an older one without a pause; a damaged one never does."""

import asyncio
import logging
import shutil

import pytest
from starlette.testclient import TestClient

from conv4rec.serve.app import make_app
from conv4rec.serve.engine import Engine
from conv4rec.serve.metrics import Metrics
from conv4rec.serve.settings import ServeSettings, named_folders

pytestmark = pytest.mark.usefixtures("no_running_loop")


@pytest.fixture(scope="module")
def newer(mixed, small, tmp_path_factory):
    from conv4rec import Conv4Rec

    path = tmp_path_factory.mktemp("newer") / "model"
    Conv4Rec(seed=1, **{**small, "n_steps": 2, "mf_sweeps": 4, "mf_draws": 2}).fit(mixed).save(path)
    return path


@pytest.fixture
def engine(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "mine")
    engine = Engine(ServeSettings(named_folders([str(tmp_path / "mine")])), Metrics())
    engine.start()
    return engine


def look(engine):
    """What the watch does, once. Returns the version that is served."""
    asyncio.run(engine.renew_all())
    return engine.find("mine").version


def replace_by(newer, tmp_path):
    shutil.rmtree(tmp_path / "mine")
    shutil.copytree(newer, tmp_path / "mine")


def test_nothing_changes_while_nothing_changed(engine):
    before = engine.find("mine")
    look(engine)
    assert engine.find("mine") is before


def test_a_newer_model_is_served(engine, newer, tmp_path):
    before = engine.find("mine").version
    replace_by(newer, tmp_path)
    assert look(engine) != before
    page = engine.metrics.page().decode()
    assert f'conv4rec_model_info{{model="mine",version="{before}"}} 0.0' in page
    assert 'conv4rec_reloads_total{model="mine"} 1.0' in page


def test_a_model_saved_over_the_old_one_is_served(engine, tmp_path):
    from conv4rec import Conv4Rec

    before = engine.find("mine").version
    changed = Conv4Rec.load(tmp_path / "mine").set_params(like_threshold=5)
    changed.save(tmp_path / "mine")
    assert look(engine) != before
    assert engine.find("mine").answers.facts()["like_threshold"] == 5


@pytest.mark.parametrize("damage", ["truncated", "half copied", "gone", "foreign"])
def test_a_damaged_folder_leaves_the_old_model_serving(engine, newer, tmp_path, caplog, damage):
    before = engine.find("mine").version
    replace_by(newer, tmp_path)
    part = next((tmp_path / "mine").glob("weights-*"))
    if damage == "truncated":
        part.write_bytes(part.read_bytes()[:-1])
    elif damage == "half copied":
        part.rename(tmp_path / "part")
    elif damage == "gone":
        shutil.rmtree(tmp_path / "mine")
    else:
        (tmp_path / "mine" / "manifest.json").write_text("{}")
    for _ in range(3):
        assert look(engine) == before
    [said] = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert "the old one serves on" in said.getMessage()
    if damage == "half copied":  # and the rest arrives
        (tmp_path / "part").rename(part)
        assert look(engine) != before


def test_a_copy_of_the_same_model_is_not_taken_twice(engine, folder, tmp_path):
    before = engine.find("mine")
    replace_by(folder, tmp_path)
    look(engine)
    assert engine.find("mine") is before


def test_the_folder_is_watched(folder, newer, tmp_path):
    shutil.copytree(folder, tmp_path / "mine")
    settings = ServeSettings(named_folders([str(tmp_path / "mine")]), watch_seconds=0.01)
    with TestClient(make_app(settings), base_url="http://127.0.0.1") as client:
        before = client.get("/v2/models/mine").json()["versions"]
        replace_by(newer, tmp_path)
        for _ in range(10_000):
            assert client.post("/v1/models/mine/recommend", json={"history": {}}).status_code == 200
            if client.get("/v2/models/mine").json()["versions"] != before:
                break
        else:
            pytest.fail("the newer model was not noticed")
