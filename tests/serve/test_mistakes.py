"""Whatever is sent, the answer is one sentence and never a fault of the service."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

RECOMMEND = "/v1/models/small/recommend"


def send(client, body, path=RECOMMEND):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, content=content, headers={"content-type": "application/json"})


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({"users": ["ann"]}, 404, "user 'ann' is not in the training data"),
        ({"users": [99_999]}, 404, 'send their history instead: "history"'),
        ({"users": [99_999]}, 404, "Hint: the ids here are str, got the int 99999"),
        ({"users": [10**40]}, 404, "is not in the training data"),
        ({"users": ["\ud800"]}, 422, "users.0: "),
        ({"users": ["u01"], "allow": [99_999]}, 404, "item 99999 is not in the catalogue"),
        ({}, 422, "exactly one of 'users'"),
        ({"users": ["u01"], "history": {}}, 422, "exactly one of 'users'"),
        ({"users": None, "history": {}}, 422, "users: "),
        ({"users": []}, 422, "users: "),
        ({"users": [True]}, 422, "users.0"),
        ({"users": [1.5]}, 422, "users.0: Input should be a valid integer, or a valid string"),
        ({"users": "1"}, 422, "users: Input should be a valid list"),
        ({"users": list(range(101))}, 422, "users: "),
        ({"users": ["u01"] * 11, "k": 1000}, 422, "users x k is at most 10,000"),
        ({"users": ["u01"], "k": 0}, 422, "k: "),
        ({"users": ["u01"], "k": 1001}, 422, "k: "),
        ({"users": ["u01"], "k": "5"}, 422, "k: "),
        ({"users": ["u01"], "by": "best"}, 422, "by must be one of consume, like"),
        ({"users": ["u01"], "exclude": ["view"]}, 422, "exclude is of lists by a type"),
        ({"users": ["u01"], "bye": "like"}, 422, "bye: "),
        ({"users": ["u01"], "novelty": 0.2}, 422, "for by='discover'"),
        ({"users": ["u01"], "confidence": 1.0, "by": "like"}, 422, "confidence: "),
        ({"history": {"i01": 9}}, 422, "not on the scale"),
        ({"history": {"i01": "5"}}, 422, "the rating of item 'i01' is a finite number or None"),
        ({"history": {"i01": True}}, 422, "history.i01"),
        ({"history": {"x" * 513: 1}}, 422, "history"),
        ({"history": {str(n): None for n in range(10_001)}}, 422, "history: "),
        (b'{"history": {"i01": NaN}}', 422, "history.i01"),
        (b'{"history": {"i01": 1e999}}', 422, "history.i01"),
        (b'{"users": ["u01"], "k": 1' + b"0" * 5_000 + b"}", 422, "the request is not JSON"),
        (b"", 422, "Field required"),
        (b"{", 422, "the request is not JSON"),
        (b"[" * 100_000, 422, "the request is not JSON"),
        (b"\xff\xfe", 422, "the request is not JSON"),
        (b"[1]", 422, "must be a JSON object"),
        (b'"' + b" " * 2**20 + b'"', 413, "at most 1,048,576 bytes"),
    ],
)
def test_a_mistake_is_one_sentence(client, body, status, sentence):
    said = send(client, body)
    assert said.status_code == status, said.text
    assert list(said.json()) == ["error"]
    assert sentence in said.json()["error"]
    assert "\n" not in said.json()["error"]


@pytest.mark.parametrize(
    ("route", "body", "status", "sentence"),
    [
        ("predict", {"pairs": [{"user_id": "u01", "item_id": "x"}]}, 404, "item 'x'"),
        ("predict", {"pairs": [{"user_id": 99_999, "item_id": "i01"}]}, 404, "history"),
        (
            "predict",
            {"pairs": [{"user_id": n, "item_id": "i01"} for n in range(101)]},
            422,
            "at most",
        ),
        ("predict", {"pairs": [{"user_id": "u01"}]}, 422, "pairs.0.item_id"),
        ("predict", {"history": {}}, 422, "'items' goes with 'history'"),
        (
            "predict",
            {"pairs": [{"user_id": "u01", "item_id": "i01"}], "items": ["i01"]},
            422,
            "'items' goes",
        ),
        ("explain", {"user": "u01"}, 422, "item: "),
        ("explain", {"user": "u01", "item": 99_999}, 404, "item 99999"),
        ("explain", {"history": {"i01": 5}, "item": "i01", "by": "consume"}, 422, "in the history"),
        ("profile", {"user": "u01", "history": {}}, 422, "exactly one of 'user'"),
        ("similar", {"item": "nope"}, 404, "item 'nope'"),
    ],
)
def test_of_every_route(client, route, body, status, sentence):
    said = send(client, body, f"/v1/models/small/{route}")
    assert said.status_code == status, said.text
    assert sentence in said.json()["error"]


def test_a_form_is_told_to_be_json(client):
    said = client.post(RECOMMEND, data={"users": "1"})
    assert said.status_code == 422
    assert "Content-Type: application/json" in said.json()["error"]


def test_other_models_paths_and_methods(client):
    said = client.post("/v1/models/other/recommend", json={"users": ["u01"]})
    assert (said.status_code, said.json()["error"]) == (
        404,
        "no model of this name is served; there is: small",
    )
    assert client.get("/v2/models/other/ready").status_code == 404
    assert client.get("/nowhere").json() == {"error": "Not Found"}
    said = client.get(RECOMMEND)
    assert (said.status_code, said.headers["allow"]) == (405, "POST")


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)  # fmt: skip
KNOWN = st.builds("{}{:02}".format, st.sampled_from("iu"), st.integers(0, 40))
ID = KNOWN | st.integers() | st.text(max_size=3)
HISTORY = st.dictionaries(ID.map(str), st.none() | st.integers(0, 6), max_size=4)
FIELDS = {
    "users": st.lists(ID, max_size=3), "history": HISTORY, "user": ID, "item": ID,
    "items": st.lists(ID, max_size=3), "allow": st.lists(ID, max_size=3),
    "block": st.none() | st.lists(ID, max_size=3), "k": st.integers(0, 50),
    "by": st.sampled_from(["consume", "like", "rating", "consume_and_like", "discover"]),
    "novelty": st.sampled_from(["median", 0, 1, 3, 0.5, 1.0, 10**20]),
    "min_p_like": st.none() | st.floats(0, 1), "confidence": st.floats(0.4, 1.0),
    "limit_exposure": st.booleans(), "exclude_seen": st.booleans(), "reasons": st.integers(0, 3),
    "intervals": st.booleans(),
    "pairs": st.lists(st.fixed_dictionaries({"user_id": ID, "item_id": ID}), max_size=3),
}  # fmt: skip
ROUTES = {
    "recommend": ("users", "history", "k", "by", "novelty", "min_p_like", "confidence", "allow",
                  "block", "limit_exposure", "exclude_seen", "reasons"),
    "predict": ("pairs", "history", "items", "intervals"),
    "explain": ("user", "history", "item", "by", "confidence"),
    "profile": ("user", "history"),
    "similar": ("item", "k"),
}  # fmt: skip


@st.composite
def questions(draw):
    """A route, and a body that is nearly right, or anything."""
    route = draw(st.sampled_from(sorted(ROUTES)))
    body = draw(st.fixed_dictionaries({}, optional={n: FIELDS[n] for n in ROUTES[route]}))
    if draw(st.integers(0, 3)) == 0:
        body[draw(st.sampled_from(ROUTES[route]))] = draw(ANY_JSON)
    return route, body


@settings(max_examples=150)
@given(questions())
def test_no_question_is_a_fault(client, question):
    route, body = question
    said = send(client, body, f"/v1/models/small/{route}")
    assert said.status_code in (200, 404, 422), said.text
    assert said.status_code == 200 or list(said.json()) == ["error"]
