"""Any iterable or column of ids will do, in every argument; and everybody asked for is answered."""

from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from conv4rec import Conv4Rec, Interactions
from conv4rec.data import Ids
from conv4rec.data.given_ids import given_ids
from conv4rec.errors import Conv4RecError, DataError, UnknownItemError, UnknownUserError

ONES = [
    lambda v: v[0],
    lambda v: np.array(v)[0],
    lambda v: pa.scalar(v[0]),
    lambda v: np.array(v[0]),
]
FORMS = {
    "list": list, "tuple": tuple, "set": set, "frozenset": frozenset,
    "keys": lambda v: dict.fromkeys(v).keys(), "values": lambda v: dict(enumerate(v)).values(),
    "generator": lambda v: (id for id in v), "iterator": iter, "map": lambda v: map(type(v[0]), v),
    "numpy": np.array, "numpy of objects": lambda v: np.array(v, dtype=object),
    "polars": pl.Series, "polars categories": lambda v: pl.Series(map(str, v)).cast(pl.Categorical),
    "polars unique": lambda v: pl.Series([*v, *v]).unique(), "pandas": pd.Series,
    "pandas index": lambda v: pd.Series(1, index=v).index, "pandas array": pd.array,
    "pandas unique": lambda v: pd.Series([*v, *v]).unique(),
    "pandas categories": lambda v: pd.Series(v, dtype="category").unique(),
    "pandas column": lambda v: pd.DataFrame({"id": v})["id"],
    "nullable": lambda v: pd.Series(v).convert_dtypes().unique(),
    "arrow": pa.array, "arrow chunks": lambda v: pa.chunked_array([v[:1], v[1:]]),
    "arrow dictionary": lambda v: pa.array(v).dictionary_encode(),
    "scalars": lambda v: [pa.scalar(id) for id in v], "numpy scalars": lambda v: list(np.array(v)),
}  # fmt: skip


@pytest.fixture(scope="module")
def by_numbers(mixed, small):
    """A model of the same world whose ids are integers."""
    numbers = pl.col("user_id", "item_id").str.slice(1).cast(pl.Int64)
    return Conv4Rec(**small).fit(mixed.to_frame().with_columns(numbers))


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_iterable_and_column_of_ids_will_do(fitted_model, form):
    users, items = ["u03", "u07", "u11"], ["i02", "i05", "i09"]
    expected = fitted_model.recommend(users, 2, allow=items, block=["i05"], exclude_seen=False)
    assert expected["item_id"].unique().sort().to_list() == ["i02", "i09"]
    found = fitted_model.recommend(
        form(users), 2, allow=form(items), block=form(["i05"]), exclude_seen=False
    )
    assert found.equals(expected)
    pairs = pl.DataFrame({"user_id": users, "item_id": items})
    predicted = fitted_model.predict(pairs, users=form(users))
    np.testing.assert_allclose(
        predicted.drop("user_id", "item_id"),
        fitted_model.predict(pairs).drop("user_id", "item_id"), rtol=2e-5,
    )  # fmt: skip
    assert fitted_model.profile(form(["u03"])).user_id == "u03"


@pytest.mark.parametrize("form", [f for n, f in FORMS.items() if n != "polars categories"])
def test_integers_too(by_numbers, form):
    expected = by_numbers.recommend([3, 7, 11], 1, allow=[2, 5, 9, 20], exclude_seen=False)
    found = by_numbers.recommend(form([3, 7, 11]), 1, allow=form([2, 5, 9, 20]), exclude_seen=False)
    assert found.equals(expected)


@pytest.mark.parametrize("one", ONES)
def test_one_id_alone_is_one_id_and_not_letters(fitted_model, by_numbers, one):
    found = fitted_model.recommend(one(["u07"]), 1, allow=one(["i05"]), exclude_seen=False)
    assert found.select("user_id", "item_id").rows() == [("u07", "i05")]
    found = by_numbers.recommend(one([7]), 1, allow=one([5]), exclude_seen=False)
    assert found.select("user_id", "item_id").rows() == [(7, 5)]


NOT_IDS = [None, 1.5, b"u07", float("nan"), object(), [None], ["u07", None], [["u07"]], [{}], [1],
           np.array([["u07"]]), np.array([1.5]), pd.Series([1.0, None]), pd.array([1, None]), True,
           pd.Series(["u07", None]), pl.Series([True]), pl.Series([None, "u07"]), len, [2**70],
           pa.array(["u07", None]), ["\ud800"], pd.Index([1.5]), pl.col("a"), 2**70,
           pd.MultiIndex.from_tuples([("u07", 1)]), {"nobody": 1}.items(), slice(3),
           ...]  # fmt: skip


@pytest.mark.parametrize("wrong", NOT_IDS, ids=lambda v: type(v).__name__)
def test_what_holds_no_ids_is_one_sentence(fitted_model, by_numbers, wrong):
    for model in (fitted_model, by_numbers):
        if wrong is not None and not (isinstance(wrong, list) and wrong == [1]):
            for argument in ("users", "allow", "block"):
                with pytest.raises(Conv4RecError, match=r"\w+ \w+ \w+"):
                    model.recommend(**{argument: wrong})
        user = "u07" if model is fitted_model else 7
        for ask in (model.similar_items, partial(model.explain, user)):
            with pytest.raises(Conv4RecError, match=r"\w+ \w+ \w+"):
                ask(wrong)


def test_a_table_is_a_history_and_never_a_list_of_ids(fitted_model, mixed):
    frame = mixed.to_frame().filter(pl.col("user_id") == "u07")
    expected = fitted_model.recommend(frame, 3)
    for table in (frame.to_pandas(), frame.to_arrow(), frame.lazy()):
        assert fitted_model.recommend(table, 3).equals(expected)
        with pytest.raises(DataError, match="a table was given"):
            fitted_model.recommend(allow=table)


def test_the_ids_of_a_catalogue_may_be_any_iterable(mixed):
    frame = mixed.to_frame()[:3]
    catalogue = Ids(pl.Series([f"i{n:02}" for n in range(37)]), "item")
    found = Interactions.from_frame(frame, items=(f"i{n:02}" for n in range(37)))
    assert found.items == catalogue
    for wrong in (5, ["a", 1], [], frame, [None]):
        with pytest.raises(DataError):
            Interactions.from_frame(frame, users=wrong)


def test_missing_ids_are_named_by_their_place():
    with pytest.raises(DataError, match="the user id at place 2 of 3 is missing"):
        given_ids(pd.Series(["a", None, "b"]), "user")


@pytest.fixture
def histories():
    """One user of whom something is known, two of whom nothing is."""
    return pl.DataFrame({
        "user_id": ["new1", "new2", "new2", "new3"],
        "item_id": ["i05", "x1", "x2", "x1"],
        "rating": [5.0, 9.0, None, 1.0],
    })  # fmt: skip


@pytest.mark.parametrize("by", ["consume", "like", "rating", "consume_and_like"])
def test_everybody_asked_for_is_answered(fitted_model, histories, by):
    said = "3 of 4 interactions .* 'x1'.* Nothing else is known of 2 of 3 users, e.g. 'new2'"
    with pytest.warns(UserWarning, match=said):
        found = fitted_model.recommend(histories, 4, by=by)
    assert found["user_id"].to_list() == ["new1"] * 4 + ["new2"] * 4 + ["new3"] * 4
    assert found["fallback"].to_list() == [None] * 4 + ["popularity"] * 8
    assert found["item_id"][4:8].equals(found["item_id"][8:])


def test_who_is_answered_by_popularity_gets_the_most_popular(fitted_model, mixed, histories):
    with pytest.warns(UserWarning, match="popularity"):
        found = fitted_model.recommend(histories[1:], 5)
    popularity = np.bincount(mixed.item_numbers, minlength=mixed.n_items)
    listed = popularity[mixed.items.numbers(found["item_id"])[:5]]
    assert listed.min() >= np.sort(popularity)[-8]
    assert found["fallback"].unique().to_list() == ["popularity"]


def test_pairs_of_everybody_are_predicted(fitted_model, histories):
    pairs = pl.DataFrame({"user_id": ["new3", "new1"], "item_id": ["i01", "i02"]})
    with pytest.warns(UserWarning, match="Nothing else is known of 2 of 3 users"):
        found = fitted_model.predict(pairs, users=histories)
    assert found["fallback"].to_list() == ["popularity", None]
    assert (found["p_consume"] > 0).all()
    wrong = pairs.with_columns(user_id=pl.lit("new9"))
    with (
        pytest.raises(UnknownUserError, match="'new9' is not in the given histories of 3 users"),
        pytest.warns(UserWarning, match="popularity"),
    ):
        fitted_model.predict(wrong, users=histories)


def test_users_of_a_log_without_any_interaction_are_answered_too(fitted_model):
    """Interactions over a wider list of users, and of other items."""
    log = Interactions.from_frame(
        pl.DataFrame({"user_id": ["a"], "item_id": ["i05"]}), users=["a", "b"]
    )
    found = fitted_model.recommend(log, 2)
    assert (
        found.select("user_id", "fallback").rows() == [("a", None)] * 2 + [("b", "popularity")] * 2
    )


def test_training_users_without_interactions_are_labelled(small):
    log = pl.DataFrame({"user_id": [1, 1, 2], "item_id": [1, 2, 1]})
    model = Conv4Rec(**small).fit(log, users=[1, 2, 3], items=range(1, 6))
    assert model.recommend(k=1)["fallback"].to_list() == [None, None, "popularity"]
    assert "fallback" not in model.recommend([1, 2], k=1).columns


def test_what_a_history_cannot_have_is_said_with_a_remedy_there_is(fitted_model):
    with pytest.raises(DataError, match=r"rating 7 is not on the scale .* rate on this scale"):
        fitted_model.recommend({"i05": 7})
    with pytest.raises(UnknownItemError, match="x1"):
        fitted_model.recommend({"x1": 5})
