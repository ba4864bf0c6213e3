"""What is answered over HTTP is what the Python calls return, bit for bit."""

import polars as pl
import pytest
from starlette.testclient import TestClient

from conv4rec.serve.app import make_app
from conv4rec.serve.settings import ServeSettings, named_folders


@pytest.fixture(scope="module")
def model(folder):
    from conv4rec import Conv4Rec

    return Conv4Rec.load(folder)


@pytest.fixture(scope="module")
def someone(model):
    """A history as JSON has it, and as Python has it."""
    items = model.interactions_.items.to_series()
    return {str(items[2]): 5, str(items[9]): None, str(items[20]): 1}, {
        items[2]: 5,
        items[9]: None,
        items[20]: 1,
    }


def without_user(frame):
    return [{**row, "user_id": None} for row in frame.to_dicts()]


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"by": "like", "k": 4, "confidence": 0.7, "limit_exposure": False},
        {"by": "discover", "novelty": 5, "min_p_like": 0.0, "reasons": 2},
        {"by": "discover", "novelty": "median", "k": 1, "min_p_like": 0.0},
        {"by": "consume_and_like", "exclude_seen": False},
        {"by": "rating", "k": 3},
    ],
    ids=str,
)
def test_lists(ask, model, someone, question):
    users = model.interactions_.users.to_series()[[3, 7]].to_list()
    found = ask("recommend", users=users, **question)["recommendations"]
    assert found == model.recommend(users, **question).to_dicts()
    as_json, history = someone
    found = ask("recommend", history=as_json, **question)["recommendations"]
    assert found == without_user(model.recommend(history, **question))


def test_lists_that_are_filtered(ask, model):
    users, items = (ids.to_series().to_list() for ids in (
        model.interactions_.users, model.interactions_.items,
    ))  # fmt: skip
    filters = {"allow": items[5:25], "block": items[7:9], "k": 3}
    found = ask("recommend", users=users[:1], **filters)["recommendations"]
    assert found == model.recommend(users[:1], **filters).to_dicts()
    assert {row["item_id"] for row in found} <= set(items[5:25]) - set(items[7:9])


def test_predictions(ask, model, someone):
    users, items = model.interactions_.users.to_series(), model.interactions_.items.to_series()
    pairs = [{"user_id": users[u], "item_id": items[i]} for u, i in ((4, 3), (1, 30), (4, 0))]
    found = ask("predict", pairs=pairs, intervals=True)["predictions"]
    assert found == model.predict(pl.DataFrame(pairs), intervals=True).to_dicts()
    as_json, history = someone
    asked = pl.DataFrame({"user_id": ["new", "new"], "item_id": items[[1, 2]]})
    found = ask("predict", history=as_json, items=asked["item_id"].to_list())["predictions"]
    assert found == without_user(model.predict(asked, users=history))


@pytest.mark.parametrize("by", ["consume", "like", "discover"])
def test_explanations(ask, model, someone, by):
    as_json, history = someone
    item = model.interactions_.items.to_series()[30]
    frame = model.explain(history, item, by=by)
    found = ask("explain", history=as_json, item=item, by=by)
    assert found["parts"] == frame.to_dicts()
    assert found["score"] == frame["contribution"].sum()


def test_profiles(ask, model):
    user = model.interactions_.users.to_series()[5]
    found, own = ask("profile", user=user)["profile"], model.profile(user)
    assert found["user_id"] == user
    assert found["generosity"] == own.generosity
    assert found["levels_used"] == own.levels_used
    assert found["directions"][0]["items"] == own.directions[0].items


def test_similar_items(ask, model):
    item = model.interactions_.items.to_series()[5]
    assert ask("similar", item=item, k=4)["similar"] == model.similar_items(item, 4).to_dicts()


def test_titles_stand_beside_the_items(folder, titles, model):
    settings = ServeSettings(named_folders([str(folder)]), titles=str(titles), watch_seconds=0)
    first, second = model.interactions_.items.to_series()[:2]
    with TestClient(make_app(settings), base_url="http://127.0.0.1") as client:
        said = client.post(
            "/v1/models/small/predict", json={"history": {}, "items": [first, second]}
        )
    assert [row["title"] for row in said.json()["predictions"]] == [None, f"No. {second}"]


class TestNobodyNeedsToBeKnown:
    def test_an_empty_history_is_answered_by_popularity_and_says_so(self, ask, model):
        found = ask("recommend", history={}, k=5)
        counts = model.interactions_.to_frame().group_by("item_id").len()
        popular = counts.sort("len", "item_id", descending=[True, False])["item_id"].to_list()
        assert found["fallback"] == "popularity"
        assert found["recommendations"][0]["item_id"] == popular[0]

    def test_unknown_items_are_left_out_and_named(self, ask, someone):
        as_json, _ = someone
        found = ask("recommend", history={**as_json, "no such item": 4, "i99": 2})
        assert found["unknown_items"] == ["no such item", "i99"]
        assert found["fallback"] is None
        assert found["recommendations"] == ask("recommend", history=as_json)["recommendations"]

    def test_with_unknown_items_alone_the_answer_is_that_of_an_empty_history(self, ask):
        found = ask("recommend", history={"no such item": 4}, by="like")
        assert (found["fallback"], found["unknown_items"]) == ("popularity", ["no such item"])
        assert (
            found["recommendations"] == ask("recommend", history={}, by="like")["recommendations"]
        )

    def test_it_is_profiled_and_explained_too(self, ask, model):
        item = model.interactions_.items.to_series()[0]
        assert ask("profile", history={})["profile"]["n_interactions"] == 0
        assert [part["item_id"] for part in ask("explain", history={}, item=item)["parts"]] == [
            None
        ]


def test_short_lists_are_counted_and_explained(ask, model):
    items = model.interactions_.items.to_series().to_list()
    found = ask("recommend", users=model.interactions_.users.to_series()[:2].to_list(),
                allow=items[:2], exclude_seen=False, k=3)  # fmt: skip
    assert found["short_lists"] == 2
    assert "shorter than k=3" in found["warnings"][0]
