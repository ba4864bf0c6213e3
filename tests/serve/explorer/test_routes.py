"""The explorer's data over HTTP, and the headers that keep its page to this server."""

import json

import polars as pl
import pytest
from starlette.testclient import TestClient

from conv4rec.recommender.answers import Answers
from conv4rec.recommender.views import VIEWS, view_of
from conv4rec.serve.app import make_app
from conv4rec.serve.settings import ServeSettings, named_folders

PLACE = "/v1/models/first/explore"


@pytest.fixture(scope="module")
def client(folders):
    settings = ServeSettings(named_folders([str(folders / "first")]), watch_seconds=0)
    with TestClient(make_app(settings), base_url="http://127.0.0.1") as client:
        yield client


def test_a_view_is_the_same_over_http(client, world_model):
    expected = view_of(Answers(world_model), "person", {"user": "u04", "k": "3"})
    said = client.get(f"{PLACE}/person", params={"user": "u04", "k": 3})
    assert said.json() == json.loads(expected.json())
    said = client.get(f"{PLACE}/person.csv", params={"user": "u04", "k": 3, "table": "plane"})
    assert said.headers["content-type"].startswith("text/csv")
    assert said.text == expected.csv("plane")
    history = {"history": json.dumps({"i001": 5, "i002": None, "nothing": 1})}
    assert client.get(f"{PLACE}/person", params=history).json()["unknown_items"] == ["nothing"]


def test_the_openapi_document_has_every_view_and_what_it_reads(client):
    paths = client.get("/openapi.json").json()["paths"]
    for name, view in VIEWS.items():
        for ending, more in (("", ()), (".csv", ("table",))):
            route = paths[f"/v1/models/{{name}}/explore/{name}{ending}"]["get"]
            reads = [p["name"] for p in route["parameters"] if p["in"] == "query"]
            assert reads == [*view.reads, *more]
            assert set(route["responses"]) == {"200", "401", "404", "421", "422", "503"}
    assert "Explorer: person" in client.get("/docs").text


def test_a_view_that_takes_long_is_made_once(client, monkeypatch):
    from conv4rec.serve.explorer import routes

    made = []
    make = routes.view_of
    monkeypatch.setattr(routes, "view_of", lambda *a: made.append(a[1]) or make(*a))
    answers = [client.get(f"{PLACE}/item", params={"item": "i003"}).text for _ in range(2)]
    table = client.get(f"{PLACE}/item.csv", params={"item": "i003", "table": "ratings"})
    assert answers[0] == answers[1]
    assert table.text.startswith("level,n")
    client.get(f"{PLACE}/item", params={"item": "i004"})
    assert made == ["item", "item"]


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("person?user=nobody", 404, "send their history"),
        ("item?item=nothing", 404, "nothing"),
        ("person?user=u01&k=x", 422, "k must be a whole number"),
        ("person.csv?user=u01&table=x", 422, "table is one of"),
        ("person?history=%7B%22i001%22:%7B%7D%7D", 422, "rating of item"),
        ("person?history=%7B%22i001%22:1e999%7D", 422, "finite"),
        ("planets", 422, "a view is one of"),
        ("item?item=i001&item=i002", 422, "given twice"),
    ],
)
def test_mistakes_are_sentences(client, path, status, sentence):
    said = client.get(f"{PLACE}/{path}")
    assert said.status_code == status
    assert sentence in said.json()["error"]


def test_the_page_may_use_this_server_alone(client):
    said = client.get("/explore/")
    policy = said.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert said.headers["referrer-policy"] == "no-referrer"
    for name in ("explorer.css", "js/main.js", "vendor/d3.min.js", "vendor/d3.LICENSE", "icon.svg"):
        assert client.get(f"/explore/{name}").status_code == 200, name
    assert client.get("/explore/../routes.py").status_code == 404


def test_a_table_is_read_back_as_it_was(client, world_model):
    text = client.get(f"{PLACE}/catalogue.csv").content
    ids = pl.read_csv(text)["item_id"]
    assert ids.equals(world_model.interactions_.items.to_series())
