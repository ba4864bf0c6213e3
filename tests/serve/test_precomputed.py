"""Lists made beforehand: the rows that a model would answer, without a model and without torch."""

import datetime
import subprocess
import sys

import polars as pl
import pytest
from starlette.testclient import TestClient

from conv4rec.cli import main
from conv4rec.serve.app import make_app
from conv4rec.serve.settings import ServeSettings, named_lists

K = 5


@pytest.fixture(scope="module")
def table(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("lists") / "nightly.parquet"
    assert main.run(["recommend", str(folder), "--all", "-k", str(K), "--out", str(path)]) == 0
    return path


def client_of(path, **settings):
    settings = ServeSettings(named_lists([str(path)]), is_precomputed=True, **settings)
    return TestClient(make_app(settings), base_url="http://127.0.0.1")


@pytest.fixture(scope="module")
def precomputed(table):
    with client_of(table, watch_seconds=0) as client:
        yield client


def lists_of(client, status=200, **question):
    said = client.post("/v1/models/nightly/recommend", json=question)
    assert said.status_code == status, said.text
    return said.json()


def test_the_rows_are_those_of_the_model_bit_for_bit(precomputed, fitted_model):
    users = fitted_model.interactions_.users.to_series()[:7].to_list()
    of_the_model = fitted_model.recommend(k=K).filter(pl.col("user_id").is_in(users)).to_dicts()
    found = lists_of(precomputed, users=users[::-1], k=K)
    assert found["recommendations"] == of_the_model
    assert (found["k"], found["short_lists"]) == (K, 0)
    fewer = lists_of(precomputed, users=users[:1], k=K + 1)
    assert (len(fewer["recommendations"]), fewer["short_lists"]) == (K, 1)


def test_what_was_consumed_since_is_blocked(precomputed, fitted_model):
    user = fitted_model.interactions_.users.to_series()[0]
    first, second, *_ = lists_of(precomputed, users=[user])["recommendations"]
    found = lists_of(precomputed, users=[str(user)], k=1, block=[first["item_id"]])
    assert found["recommendations"] == [{**second, "rank": 1}]


def test_mistakes_are_sentences(precomputed):
    assert "ask a model with their history" in lists_of(precomputed, 404, users=["no"])["error"]
    for question in ({"history": {}}, {"users": [1], "by": "like"}):
        assert "users, k and block alone" in lists_of(precomputed, 422, **question)["error"]
    assert lists_of(precomputed, 422, users=[])["error"].startswith("users")
    assert precomputed.post("/v1/models/no/recommend", json={"users": [1]}).status_code == 404


def test_the_other_pages_are_there(precomputed):
    [facts] = precomputed.get("/v1/models").json()["models"]
    assert facts["longest_list"] == K
    assert facts["rows"] == K * facts["users"]
    for path in ("/", "/docs", "/openapi.json", "/metrics", "/v2/health/ready"):
        assert precomputed.get(path).status_code == 200, path
    assert precomputed.get("/v2/models/nightly").json()["versions"] == [facts["version"]]


def test_columns_of_any_kind_are_answered(tmp_path):
    odd = {"when": datetime.date(2020, 1, 1), "bytes": b"\xff", "nan": float("nan")}
    row = {"user_id": "a", "item_id": 1, **odd}
    pl.DataFrame([row]).write_parquet(tmp_path / "nightly.parquet")
    with client_of(tmp_path / "nightly.parquet", watch_seconds=0) as client:
        [row] = lists_of(client, users=["a"])["recommendations"]
    assert (row["when"], row["nan"]) == ("2020-01-01", None)


def test_newer_lists_are_taken_and_damaged_ones_are_not(table, tmp_path):
    path = tmp_path / "nightly.parquet"
    path.write_bytes(table.read_bytes())
    with client_of(path, watch_seconds=0) as client:
        engine, user = client.app.state.engine, pl.read_parquet(path)["user_id"][0]
        path.write_bytes(b"PAR1 no more")
        client.portal.call(engine.renew_all)
        assert len(lists_of(client, users=[user])["recommendations"]) == K
        pl.read_parquet(table).filter(pl.col("rank") == 1).write_parquet(path)
        client.portal.call(engine.renew_all)
        assert len(lists_of(client, users=[user])["recommendations"]) == 1


def test_torch_is_not_loaded(table):
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from conv4rec.serve.settings import ServeSettings\n"
        "from conv4rec.serve.supervisor import worker_app\n"
        f"settings = ServeSettings({{'a': Path({str(table)!r})}}, is_precomputed=True)\n"
        "app = worker_app(settings)\n"
        "assert app.state.engine.is_ready\n"
        "print([m for m in ('torch', 'conv4rec.recommender') if m in sys.modules])\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert said.stdout.splitlines()[-1:] == ["[]"], said.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "say what to serve"),
        (["{folder}", "--precomputed", "{table}"], "say what to serve"),
        (["--precomputed", "{folder}"], "there is no .parquet file"),
        (["--precomputed", "{table}", "--precomputed", "{table}"], "are both named"),
        (["--precomputed", "{table}", "--titles", "items.csv"], "conv4rec recommend"),
    ],
)
def test_mistakes_of_the_command(folder, table, capsys, words, sentence):
    assert main.run(["serve", *(word.format(folder=folder, table=table) for word in words)]) == 2
    assert sentence in capsys.readouterr().err.splitlines()[-1]
