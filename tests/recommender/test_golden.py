"""A model saved by an earlier version loads, and answers as it did then."""

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from conv4rec import Conv4Rec

FOLDERS = sorted((Path(__file__).parents[1] / "golden").iterdir())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_saved_model_answers_as_on_the_day_it_was_saved(folder):
    model = Conv4Rec.load(folder / "model")
    parts = model.scoring_.model
    assert parts.slim is not None
    assert parts.bayesian_mf is not None
    expected = pl.read_json(folder / "predictions.json")
    found = model.predict(expected.select("user_id", "item_id"), intervals=True)
    assert_frame_equal(found, expected, check_dtypes=False, rel_tol=1e-4, abs_tol=1e-5)
    for (by,), rows in pl.read_json(folder / "lists.json").group_by("by"):
        listed = model.recommend(["u03"], k=4, by=by)
        assert_frame_equal(
            listed.select("user_id", "item_id", "rank", "score"), rows.drop("by"),
            check_dtypes=False, rel_tol=1e-3, abs_tol=1e-4, check_row_order=False,
        )  # fmt: skip


def test_there_is_a_model_of_the_current_schema():
    from conv4rec.storage.folders import SCHEMA_VERSION

    assert f"schema-{SCHEMA_VERSION}" in [folder.name for folder in FOLDERS]
