"""A log with types is served as the Python calls answer it."""

import polars as pl
import pytest
from starlette.testclient import TestClient

from conv4rec import Conv4Rec
from conv4rec.serve.app import make_app
from conv4rec.serve.settings import ServeSettings, named_folders


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    rows = []
    for user in range(12):
        for step in range(4):
            item = f"i{(user + step * 3) % 9}"
            rows += [(f"u{user}", item, "view")] + [(f"u{user}", item, "buy")] * (step % 2)
    log = pl.DataFrame(rows, schema=["user_id", "item_id", "type"], orient="row")
    path = tmp_path_factory.mktemp("shop") / "shop"
    Conv4Rec(seed=0).fit(log).save(path)
    return path


@pytest.fixture(scope="module")
def served(shop):
    with TestClient(
        make_app(ServeSettings(named_folders([str(shop)]))), base_url="http://127.0.0.1"
    ) as client:
        yield client


def ask(served, what, **question):
    return served.post(f"/v1/models/shop/{what}", json=question)


def test_lists_by_a_type(served, shop):
    model = Conv4Rec.load(shop)
    found = ask(served, "recommend", users=["u3"], by="buy", k=2).json()["recommendations"]
    assert found == model.recommend("u3", k=2, by="buy").to_dicts()
    history = {"i1": "view", "i2": ["view", "buy"]}
    found = ask(served, "recommend", history=history, by="buy", k=2, exclude=["view"]).json()
    expected = model.recommend(history, k=2, by="buy", exclude=["view"])["item_id"].to_list()
    assert [row["item_id"] for row in found["recommendations"]] == expected


@pytest.mark.parametrize(
    ("what", "question"),
    [
        ("recommend", {"users": ["u3"], "by": "steal"}),
        ("recommend", {"users": ["u3"], "by": "like"}),
        ("recommend", {"history": {"i1": "steal"}, "by": "buy"}),
        ("recommend", {"history": {"i1": 5}, "by": "buy"}),
        ("recommend", {"users": ["u3"], "by": "buy", "exclude": ["steal"]}),
        ("explain", {"user": "u3", "item": "i1", "by": "like"}),
        ("profile", {"user": "u3"}),
        ("similar", {"item": "i1"}),
    ],
    ids=str,
)
def test_what_it_cannot_answer_is_one_sentence(served, what, question):
    answer = ask(served, what, **question)
    assert 400 <= answer.status_code < 500, answer.text
    assert "Traceback" not in answer.text


def test_facts_and_other_questions(served):
    assert served.get("/v2/models/shop").status_code == 200
    assert served.get("/v1/models").json()
    assert ask(served, "predict", pairs=[{"user_id": "u3", "item_id": "i1"}]).status_code == 200
    assert ask(served, "explain", user="u3", item="i4", by="buy").status_code == 200
    assert ask(served, "recommend", history={}, by="buy", k=2).status_code < 500
    assert ask(served, "recommend", history={"zz": "view"}, by="buy", k=2).status_code < 500
