"""A saved model, and a client that asks its application without a socket."""

import asyncio

import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")

from starlette.testclient import TestClient

from conv4rec.serve.app import make_app
from conv4rec.serve.settings import ServeSettings, named_folders

PLACE = "http://127.0.0.1"


@pytest.fixture(autouse=True, scope="session")
def patience():
    """A busy machine is no failure: questions wait as long as it takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("conv4rec.serve.engine.PATIENCE_SECONDS", 600.0)
        yield


@pytest.fixture
def no_running_loop():
    """A browser test of the same process leaves its event loop marked as running."""
    loop = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(loop)


@pytest.fixture(scope="session")
def folder(fitted_model, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "small"
    fitted_model.save(path)
    return path


@pytest.fixture(scope="session")
def titles(fitted_model, tmp_path_factory):
    """A file with the titles of all items but the first."""
    path = tmp_path_factory.mktemp("titles") / "items.csv"
    items = fitted_model.interactions_.items.to_series()[1:]
    path.write_text("item_id,title\n" + "".join(f"{item},No. {item}\n" for item in items))
    return path


@pytest.fixture
def settings(folder):
    return ServeSettings(named_folders([str(folder)]), watch_seconds=0)


@pytest.fixture(scope="module")
def client(folder):
    settings = ServeSettings(named_folders([str(folder)]), watch_seconds=0)
    with TestClient(make_app(settings), base_url=PLACE) as client:
        yield client


@pytest.fixture
def ask(client):
    """Ask the model: ask("recommend", users=[3]) is its answer."""

    def ask(route, **question):
        said = client.post(f"/v1/models/small/{route}", json=question)
        assert said.status_code == 200, said.text
        return said.json()

    return ask
