"""Two models served on the loopback, with titles of which some are markup, and a browser."""

import shutil
import threading

import numpy as np
import polars as pl
import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")

import uvicorn

from conv4rec import Conv4Rec
from conv4rec.data.synthetic import low_rank_world
from conv4rec.serve.app import make_app
from conv4rec.serve.settings import ServeSettings, digest_of, named_folders
from research.types.shop_world import ShopWorld

EVIL = "<script>document.title='taken'</script>"
SETTINGS = {
    **{"n_steps": 6, "consume_size": 16, "rate_size": 8, "consume_reg_factors": (1.0,)},
    **{"mf_sweeps": 20, "mf_draws": 4},
}
PATIENCE = 120_000  # milliseconds: a busy machine is no failure


@pytest.fixture(scope="session")
def world_model():
    """90 users, 150 items, 20 interactions each."""
    log = low_rank_world(90, 150, popularity=0.7, seed=3).sample(20, np.random.default_rng(0))
    return Conv4Rec(seed=0, **SETTINGS).fit(log)


@pytest.fixture(scope="session")
def titles(world_model):
    """Every tenth title is a script."""
    items = world_model.interactions_.items.to_series()
    return {id: f"{EVIL} {id}" if n % 10 == 0 else f"Film {id}" for n, id in enumerate(items)}


@pytest.fixture(scope="session")
def folders(world_model, titles, tmp_path_factory):
    """The folders of two models of the same log, and the file of the titles."""
    place = tmp_path_factory.mktemp("explorer")
    world_model.save(place / "first")
    second = Conv4Rec(seed=1, **{**SETTINGS, "n_steps": 2}).fit(world_model.interactions_)
    second.save(place / "second")
    frame = pl.DataFrame({"item_id": list(titles), "title": list(titles.values())})
    frame.write_parquet(place / "titles.parquet")
    return place


class Site:
    """A service in a thread."""

    def __init__(self, settings):
        app = make_app(settings)
        app.state.engine.turns.patience = 600.0  # seconds: a busy machine refuses nobody
        config = uvicorn.Config(app, port=0, log_config=None, lifespan="on")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            self.thread.join(0.05)
            assert self.thread.is_alive(), "the service did not start"
        (socket,) = self.server.servers[0].sockets
        self.place = f"http://127.0.0.1:{socket.getsockname()[1]}"

    def stop(self):
        self.server.should_exit = True
        self.thread.join()


@pytest.fixture(scope="session")
def site(folders):
    names = named_folders([str(folders / "first"), str(folders / "second")])
    titles = str(folders / "titles.parquet")
    served = Site(ServeSettings(names, titles=titles, watch_seconds=0))
    yield served.place
    served.stop()


@pytest.fixture(scope="session")
def shop_model():
    """A model of views and purchases, without ratings."""
    return Conv4Rec(seed=0).fit(ShopWorld().sample(40, 12, np.random.default_rng(0)))


@pytest.fixture(scope="session")
def shop_site(shop_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop") / "shop"
    shop_model.save(folder)
    served = Site(ServeSettings(named_folders([str(folder)]), watch_seconds=0))
    yield served.place
    served.stop()


@pytest.fixture(scope="session")
def locked_site(folders):
    keys = (digest_of(b"sesame"),)
    names = named_folders([str(folders / "first")])
    served = Site(ServeSettings(names, keys=keys, watch_seconds=0))
    yield served.place
    served.stop()


@pytest.fixture(scope="session")
def browser():
    """Chromium of the system: playwright fetches none."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("there is no Chromium here: apt-get install chromium")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def visit(browser):
    """Open an address: visit(address) is the page; what it may not do fails the test."""
    contexts, wrong = [], []

    def open_page(address, width=1440, scheme="light", **options):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme,
            reduced_motion="reduce", **options,
        )  # fmt: skip
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        own = address.split("/explore")[0]

        def note(request):
            if not request.url.startswith((own, "data:", "blob:", "file:")):
                wrong.append(f"asked {request.url}")

        page.on("request", note)
        page.on("pageerror", lambda error: wrong.append(f"error {error}"))
        page.on("dialog", lambda dialog: wrong.append(f"dialog {dialog.message}"))
        page.on("console", lambda line: line.type == "error" and wrong.append(line.text))
        page.goto(address)
        page.wrong = wrong
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not wrong, wrong
