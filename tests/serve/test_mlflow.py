"""The same answers as an MLflow model; needs the extra mlflow."""

import pytest

mlflow = pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
pytestmark = pytest.mark.filterwarnings("default")  # of libraries that are not ours


@pytest.fixture(scope="module")
def wrapped(folder, tmp_path_factory):
    from conv4rec.serve.mlflow_model import save_mlflow_model

    path = tmp_path_factory.mktemp("mlflow") / "wrapped"
    save_mlflow_model(folder, path)
    assert not list(path.rglob("*.pkl"))
    return mlflow.pyfunc.load_model(str(path))


def test_pairs_are_predicted_row_by_row(wrapped, fitted_model):
    import pandas as pd

    pairs = pd.DataFrame({"user_id": ["u03", "u01"], "item_id": ["i05", "i09"]})
    found = wrapped.predict(pairs)
    own = fitted_model.predict(pairs).to_pandas()
    pd.testing.assert_frame_equal(found, own)


def test_users_get_a_list_each_in_the_order_of_the_rows(wrapped, fitted_model):
    import pandas as pd

    users = pd.DataFrame({"user_id": ["u09", "u02", "u09"]}, index=[7, 8, 9])
    found = wrapped.predict(users, params={"k": 3, "by": "like"})
    own = fitted_model.recommend(["u02", "u09"], k=3, by="like")
    for row, user in ((7, "u09"), (8, "u02"), (9, "u09")):
        assert list(found.loc[row, "items"]) == own.filter(user_id=user)["item_id"].to_list()


def test_a_table_without_users_is_refused(wrapped):
    import pandas as pd

    with pytest.raises(Exception, match="the table needs user_id; it has who"):
        wrapped.predict(pd.DataFrame({"who": ["u09"]}))
