"""An interrupted training on types goes on from where it was, and ends in the same weights."""

import polars as pl
import pytest
import torch

from conv4rec import Conv4Rec
from conv4rec.errors import SavedModelError, TrainingInterrupted


@pytest.fixture(scope="module")
def log():
    rows = [(u, i, kind) for u in range(30) for i in range(u % 7, 20, 3)
            for kind in ("view", "buy")[: 1 + (u + i) % 2]]  # fmt: skip
    return pl.DataFrame(rows, schema=["user_id", "item_id", "type"], orient="row")


def stop_after(n_steps):
    left = iter(range(n_steps))
    return lambda: next(left, None) is None


def weights(model):
    return model.events_.model.state_dict()


@pytest.mark.parametrize("n_steps", [1, 150])  # of which two are asked before the first step
def test_a_resumed_training_ends_in_the_same_weights(log, tmp_path, n_steps):
    folder = tmp_path / "state"
    with pytest.raises(TrainingInterrupted, match=r"in types after step .* go on from there"):
        Conv4Rec().fit(log, checkpoint=folder, should_stop=stop_after(n_steps))
    steps = []
    resumed = Conv4Rec().fit(
        log, checkpoint=folder, resume=True, on_progress=lambda *told: steps.append(told[3].step)
    )
    assert steps[0] == n_steps
    whole = weights(Conv4Rec().fit(log))
    assert all(torch.equal(whole[name], value) for name, value in weights(resumed).items())


def test_ratings_go_on_too_and_another_log_does_not(log, tmp_path):
    rated = log.with_columns(rating=pl.when(pl.col("type") == "buy").then(pl.col("item_id") % 5))
    model, folder = Conv4Rec(n_steps=10), tmp_path / "state"
    stages = []

    def stop_in_ratings():
        return bool(stages) and stages[-1] != "types"

    with pytest.raises(TrainingInterrupted, match="go on from there"):
        model.fit(
            rated,
            checkpoint=folder,
            should_stop=stop_in_ratings,
            on_progress=lambda *told: stages.append(told[0]),
        )
    for other, of in ((log, "other data or another seed"), (rated.head(60), "of other data")):
        with pytest.raises(SavedModelError, match=of):
            Conv4Rec(n_steps=10).fit(other, checkpoint=folder, resume=True)
    asked = pl.DataFrame({"user_id": [1], "item_id": [4]})
    resumed = Conv4Rec(n_steps=10).fit(rated, checkpoint=folder, resume=True).predict(asked)
    assert resumed.equals(Conv4Rec(n_steps=10).fit(rated).predict(asked))
