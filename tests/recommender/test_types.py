"""The public calls on a log with types: lists by type, predictions, explanations, saving."""

import json

import numpy as np
import polars as pl
import pytest

from conv4rec import Conv4Rec
from conv4rec.data import Events
from conv4rec.errors import DataError, SavedModelError, SettingError
from conv4rec.recommender.event_persistence import packed_events, unpacked_events
from conv4rec.recommender.event_scorer import ConvEventScorer
from conv4rec.recommender.persistence import KIND
from conv4rec.storage.folders import load_folder, save_folder


def shop_table(seed=0):
    """Ids are text; each user views some items of one half of the catalogue and buys the first."""
    rng, rows = np.random.default_rng(seed), []
    for user in range(60):
        half = user % 2 * 10
        viewed = half + rng.choice(10, rng.integers(4, 8), replace=False)
        rows += [(f"u{user:02}", f"i{item:02}", "view", None) for item in viewed]
        rows += [
            (f"u{user:02}", f"i{item:02}", "buy", None) for item in viewed[: rng.integers(2, 4)]
        ]
        rows += [(f"u{user:02}", f"i{viewed[0]:02}", "rate", float(rng.integers(1, 4)))]
    schema = {"user_id": pl.String, "item_id": pl.String, "type": pl.String, "rating": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


@pytest.fixture(scope="module")
def table():
    return shop_table().filter(pl.col("type") != "rate").drop("rating")


@pytest.fixture(scope="module")
def model(table):
    return Conv4Rec().fit(table)


@pytest.fixture(scope="module")
def rated(small):
    return Conv4Rec(**small).fit(shop_table())


def items_of(table, user, *types):
    own = table.filter((pl.col("user_id") == user) & pl.col("type").is_in(types))
    return set(own["item_id"])


def test_a_list_by_buy_leaves_out_the_bought_and_keeps_the_viewed(model, table):
    listed = model.recommend("u00", 3, by="buy")
    assert listed.columns == ["user_id", "item_id", "rank", "score", "p_buy"]
    assert not set(listed["item_id"]) & items_of(table, "u00", "buy")
    assert listed["item_id"][0] in items_of(table, "u00", "view")
    assert listed["p_buy"].is_sorted(descending=True)


def test_exclude_names_the_types_to_leave_out(model, table):
    viewed = items_of(table, "u00", "view")
    listed = model.recommend("u00", 20, by="buy", exclude={"buy", "view"})
    assert set(listed["item_id"]) == {f"i{n:02}" for n in range(20)} - viewed
    unseen = model.recommend("u00", 3)  # any next event, with what the user has not seen
    assert not set(unseen["item_id"]) & viewed
    assert unseen.columns[-1] == "p_next"


def test_predictions_are_probabilities_of_items_and_of_types(model):
    pairs = pl.DataFrame({"user_id": ["u00"] * 20, "item_id": [f"i{n:02}" for n in range(20)]})
    found = model.predict(pairs)
    for name in ("p_next", "p_buy", "p_view"):
        assert found[name].sum() == pytest.approx(1, abs=1e-4), name
    shares = found.select("share_buy", "share_view").sum_horizontal()
    assert np.allclose(shares, 1, atol=1e-5)
    joint = found["p_next"] * found["share_buy"]
    assert np.allclose(joint, found["p_buy"] * joint.sum(), atol=1e-5)  # P(i, k) = P(i | k) P(k)


def test_histories_with_types_need_no_training(model):
    listed = model.recommend({"i03": "view", "i04": ["view", "buy"]}, 20, by="buy")
    assert listed["user_id"].unique().to_list() == ["new"]
    assert "i03" in listed["item_id"][:2]
    assert "i04" not in listed["item_id"]
    log = pl.DataFrame({"user_id": ["x", "x", "x"], "item_id": ["i03", "i04", "i04"],
                        "type": ["view", "view", "buy"]})  # fmt: skip
    assert model.recommend(log, 20, by="buy").drop("user_id").equals(listed.drop("user_id"))


def test_reasons_name_the_view_of_the_item(model):
    first = model.recommend("u00", 1, by="buy", reasons=2).row(0, named=True)
    assert (first["reason_1"], first["reason_1_type"]) == (first["item_id"], "view")
    parts = model.explain("u00", first["item_id"], by="buy")
    p = model.recommend("u00", 20, by="buy")["p_buy"].log()
    assert parts["contribution"].sum() == pytest.approx(p[0] - p.mean(), abs=1e-3)
    assert parts["item_id"][1] == first["item_id"]


def test_kernels_say_what_a_view_is_worth(model):
    kernels = {(row["done"], row["next"]): row for row in model.kernels().to_dicts()}
    assert kernels["view", "buy"]["times"] > 2
    assert kernels["buy", "buy"]["times"] == 0
    assert kernels["view", "buy"]["share"] > 0.9 > kernels["view", "buy"]["chance"]


def test_a_saved_model_answers_the_same(model, rated, tmp_path, table):
    for number, each in enumerate((model, rated)):
        each.save(tmp_path / str(number))
        again = Conv4Rec.load(tmp_path / str(number))
        for by in ("buy", "next"):
            assert again.recommend(None, 5, by=by).equals(each.recommend(None, 5, by=by))
        assert again.kernels().equals(each.kernels())
        again.save(tmp_path / str(number))
        pairs = table.head(3)
        assert Conv4Rec.load(tmp_path / str(number)).predict(pairs).equals(each.predict(pairs))


def test_a_changed_byte_of_a_saved_model_is_refused(model, tmp_path):
    model.save(tmp_path / "m")
    part = next((tmp_path / "m").glob("events-*.safetensors"))
    content = bytearray(part.read_bytes())
    content[-1] ^= 1
    part.write_bytes(content)
    with pytest.raises(SavedModelError, match="damaged"):
        Conv4Rec.load(tmp_path / "m")


def test_ratings_beside_types_answer_both_questions(rated):
    listed = rated.recommend("u00", 3, by="like")
    assert "p_rating_3" in listed.columns
    pair = pl.DataFrame({"user_id": ["u00"], "item_id": ["i09"]})
    found = rated.predict(pair, intervals=False)
    assert {"p_next", "p_rate", "share_rate", "p_consume", "p_rating_1"} <= set(found.columns)
    assert rated.recommend("u00", 2, by="type:rate").columns[-1] == "p_rate"


def test_the_scorer_of_the_evaluator(model, rated, table):
    scorer, given = ConvEventScorer(model), Events.from_frame(table)
    rows = np.array([3, 5])
    scores = scorer.target_scores(given, rows, "view")
    assert np.allclose(np.exp(scores).sum(1), 1, atol=1e-4)
    assert np.array_equal(scores, model.events_.model.log_p_items(given.take_users(rows), 1))
    log = rated.events_.log
    p = ConvEventScorer(rated).kind_probabilities(log, np.array([0, 0, 7]), np.array([1, 15, 2]))
    assert p.shape == (3, 5)  # buy, rate 1, 2 and 3, view
    assert np.allclose(p.sum(1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda m: m.recommend("u00", by="like"), "by must be one of buy, view, next"),
        (lambda m: m.recommend("u00", by="buy", exclude=["wish"]), "they are buy, view"),
        (lambda m: m.recommend("u00", by="buy", exclude=["buy"], exclude_seen=False), "exclude"),
        (lambda m: m.recommend("u00", by="buy", novelty=10), "lists of ratings"),
        (lambda m: m.recommend("u00", reasons=1), "of one type"),
        (lambda m: m.profile("u00"), "logs with ratings: the model was fitted to the types"),
        (lambda m: m.similar_items("i01"), "logs with ratings"),
        (lambda m: m.explain("u00", "i01", by="next"), "explain is of one type"),
    ],
)
def test_what_cannot_be_asked_of_types_is_said(model, ask, says):
    with pytest.raises(SettingError, match=says):
        ask(model)


@pytest.mark.parametrize(
    ("history", "says"),
    [
        ({"i01": 5}, "type 5, which is not one"),
        ({"i01": "bought"}, "'bought', which is not one"),
        ({"i01": []}, "no types"),
        ({}, "empty"),
        (pl.DataFrame({"user_id": ["x"], "item_id": ["i01"]}), "no column for type"),
    ],
)
def test_a_history_without_known_types_is_refused(model, history, says):
    with pytest.raises(DataError, match=says):
        model.recommend(history, by="buy")


def test_exclude_is_for_types(fitted_plain):
    with pytest.raises(SettingError, match="lists by a type"):
        fitted_plain.recommend(None, exclude=["view"])


@pytest.fixture(scope="module")
def fitted_plain(small, mixed):
    return Conv4Rec(**small).fit(mixed)


def resaved(model, folder, change):
    """A folder whose arrays and facts of types are altered, with right checksums."""
    model.save(folder)
    parts, facts = load_folder(folder, KIND)
    parts = {part: {n: np.array(a) for n, a in arrays.items()} for part, arrays in parts.items()}
    facts = json.loads(json.dumps(facts))
    change(parts["events"], facts["events"])
    save_folder(folder, KIND, parts, facts)


def first_to(name, value):
    def change(arrays, _):
        arrays[name].reshape(-1)[0] = value

    return change


def fact_to(name, value):
    return lambda _, facts: facts.__setitem__(name, value)


def twice(arrays, _):
    for name in ("item_numbers", "kind_numbers"):
        arrays[name][1] = arrays[name][0]


ALTERED = {
    "negative popularity": (first_to("popularity", -1.0), "popularity"),
    "a cosine of 2": (first_to("neighbours.0.1.data", 2.0), "neighbours.0.1"),
    "no deviation": (first_to("model.network.deviation", 0.0), "deviation"),
    "weights not finite": (first_to("model.type_weights", np.nan), "type_weights"),
    "an event that came 0 times": (first_to("counts", 0), "counts"),
    "an event twice": (twice, "twice"),
    "float64 weights": (
        lambda arrays, _: arrays.update({"popularity": arrays["popularity"].astype(np.float64)}),
        "popularity",
    ),
    "a foreign array": (lambda arrays, _: arrays.update(more=np.zeros(3)), "'more' is foreign"),
    "a time that is text": (fact_to("now", "today"), "now"),
    "no span": (fact_to("span", 0), "span"),
    "a source of another type": (fact_to("sources", [[0], [7]]), "do not agree"),
    "a share above 1": (
        lambda _, facts: facts["report"].__setitem__("repeated", [0.5, 7.0]),
        "repeated",
    ),
}


@pytest.mark.parametrize(("change", "said"), ALTERED.values(), ids=ALTERED.keys())
def test_what_no_training_leaves_is_refused(model, tmp_path, change, said):
    resaved(model, tmp_path / "m", change)
    with pytest.raises(SavedModelError, match=said):
        Conv4Rec.load(tmp_path / "m")


def test_a_folder_that_is_saved_again_unaltered_loads(model, tmp_path):
    resaved(model, tmp_path / "m", lambda *_: None)
    assert Conv4Rec.load(tmp_path / "m").recommend("u00", 3).equals(model.recommend("u00", 3))


def test_neighbours_that_point_out_of_their_table_are_refused(model):
    """SciPy would read the memory beside them: its own check skips starts that end with 0."""
    events = model.events_
    arrays, facts = packed_events(events.model, events.log)
    facts, name = json.loads(json.dumps(facts)), next(n for n in arrays if n.endswith("indptr"))
    starts = np.zeros_like(arrays[name])
    starts[1] = 10**6
    with pytest.raises(ValueError, match="is not a matrix"):
        unpacked_events({**arrays, name: starts}, facts, events.log.users, events.log.items)
