"""Lists of batches are those of one call; real engines run where they are installed."""

import pickle
import shutil
import sys

import polars as pl
import pyarrow as pa
import pytest

from conv4rec import Conv4Rec
from conv4rec.errors import DataError, SavedModelError
from conv4rec.recommender.batches import RecommendBatches

N_USERS = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    rows = [
        (user, (user * 7 + j * 3) % 15, 1 + (user + j) % 5)
        for user in range(N_USERS)
        for j in range(6)
    ]
    log = pl.DataFrame(rows, schema=["user_id", "item_id", "rating"], orient="row")
    path = tmp_path_factory.mktemp("batches") / "model"
    Conv4Rec(n_steps=2, consume_size=8, rate_size=4).fit(log).save(path)
    return path


@pytest.fixture(scope="module")
def lists(folder):
    return RecommendBatches(folder, k=3, by="like")


@pytest.fixture(scope="module")
def expected(folder):
    return Conv4Rec.load(folder).recommend(k=3, by="like")


USERS = pa.table({"user_id": list(range(N_USERS))})


def same(found, expected):
    found = pl.from_arrow(found) if isinstance(found, pa.Table) else found
    by = ["user_id", "rank"]
    assert (
        found.select(expected.columns)
        .sort(by)[["user_id", "item_id"]]
        .equals(expected.sort(by)[["user_id", "item_id"]])
    )


def test_it_pickles_and_answers_in_the_library_of_the_batch(lists, expected):
    copy = pickle.loads(pickle.dumps(lists))  # noqa: S301
    assert len(pickle.dumps(lists)) < 1000  # the model does not travel
    same(copy(USERS), expected)
    same(pl.from_pandas(copy(USERS.to_pandas())), expected)
    same(copy(pl.from_arrow(USERS)), expected)


def test_histories_are_answered_too(lists):
    history = pa.table({"user_id": ["new", "new"], "item_id": [3, 6], "rating": [5.0, None]})
    found = pl.from_arrow(lists(history))
    assert found["user_id"].unique().to_list() == ["new"]
    assert not set(found["item_id"]) & {3, 6}


def test_record_batches_keep_the_stated_schema(lists, expected):
    found = list(lists.arrow_batches(iter(USERS.to_batches(max_chunksize=5))))
    assert all(batch.schema.equals(lists.schema()) for batch in found)
    same(pa.Table.from_batches(found), expected)
    assert list(lists.arrow_batches(iter([USERS.to_batches()[0].slice(0, 0)]))) == []


def test_users_of_whom_nothing_is_known_change_no_schema(lists):
    history = pa.table({"user_id": ["a", "b"], "item_id": [3, 999], "rating": [5.0, 4.0]})
    with pytest.warns(UserWarning, match="popularity"):
        [found] = lists.arrow_batches(iter(history.to_batches()))
    assert found.schema.types[1:] == lists.schema().types[1:]  # these ids are strings
    assert found.schema.names == lists.schema().names
    assert set(found["fallback"].to_pylist()) == {None, "popularity"}


def test_mistakes_are_told_before_any_worker_runs(lists, tmp_path):
    with pytest.raises(SavedModelError):
        RecommendBatches(tmp_path / "nothing")
    with pytest.raises(DataError, match="a column user_id"):
        lists(pa.table({"client": [1]}))


def test_a_newer_model_in_the_folder_is_taken(folder, tmp_path):
    place = tmp_path / "model"
    shutil.copytree(folder, place)
    lists = RecommendBatches(place, k=2)
    assert set(lists(USERS.slice(0, 2))["item_id"].to_pylist()) - {1, 2}
    log = pl.DataFrame({"user_id": [0, 0, 1], "item_id": [1, 2, 1], "rating": [5, 4, 3]})
    Conv4Rec(n_steps=2).fit(log).save(place)
    with pytest.warns(UserWarning, match="shorter than k=2"):
        assert set(lists(USERS.slice(0, 2))["item_id"].to_pylist()) == {2}


@pytest.mark.filterwarnings("default")  # of its own modules
def test_ray_data(lists, expected):
    ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'conv4rec[ray]'")
    ray.init(num_cpus=2, include_dashboard=False, logging_level="error")
    try:
        found = ray.data.from_arrow(USERS).map_batches(
            RecommendBatches, fn_constructor_args=(lists.folder,), batch_size=5, concurrency=1,
            fn_constructor_kwargs=lists.request, batch_format="pyarrow",
        )  # fmt: skip
        same(pl.from_pandas(found.to_pandas()), expected)
    finally:
        ray.shutdown()


@pytest.mark.filterwarnings("default")  # of pandas 3, which Spark does not know yet
def test_spark(lists, expected, monkeypatch):
    pytest.importorskip("pyspark", reason="Spark is not installed: pip install 'conv4rec[spark]'")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java: apt install openjdk-17-jre-headless")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    from pyspark.sql import SparkSession
    from pyspark.sql.pandas.types import from_arrow_schema

    spark = (
        SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    )
    try:
        users = spark.createDataFrame(USERS.to_pandas()).repartition(3)
        found = users.mapInArrow(lists.arrow_batches, from_arrow_schema(lists.schema()))
        same(pl.from_pandas(found.toPandas()), expected)
    finally:
        spark.stop()


def test_dask(lists, expected):
    dask = pytest.importorskip("dask.dataframe", reason="dask is not installed")
    users = dask.from_pandas(USERS.to_pandas(), npartitions=3)
    meta = lists.schema().empty_table().to_pandas()
    same(pl.from_pandas(users.map_partitions(lists, meta=meta).compute()), expected)
