"""The people for an item are those in whose own list it is."""

import numpy as np
import pytest

from conv4rec.errors import SettingError, UnknownItemError
from conv4rec.recommender import audience


@pytest.mark.parametrize("by", ["discover", "like", "consume", "rating"])
@pytest.mark.filterwarnings("ignore:.* lists are shorter than k=")
def test_an_audience_is_made_of_each_persons_own_list(fitted_model, by):
    exposure = {} if by == "consume" else {"limit_exposure": False}
    found = 0
    for item in fitted_model.interactions_.items.to_series()[::13]:
        whole = fitted_model.recommend(by=by, k=1, allow=[item], **exposure)
        best = whole.sort("score", "user_id", descending=[True, False]).head(4)
        people = fitted_model.audience(item, 4, by=by)
        assert people["user_id"].to_list() == best["user_id"].to_list()
        np.testing.assert_allclose(people["score"], best["score"], rtol=1e-6)
        assert people["rank"].to_list() == list(range(1, best.height + 1))
        found += people.height
    assert found > 0


def test_only_the_first_people_are_read_whole(fitted_model, monkeypatch):
    """The bound from pairs is good enough to stop at: the answer is that of reading everyone."""
    item = fitted_model.interactions_.items.to_series()[3]
    whole = fitted_model.audience(item, 3, by="like")
    monkeypatch.setattr(audience, "FIRST_USERS", 4)
    blocks = []
    read = audience._of_block
    monkeypatch.setattr(audience, "_of_block", lambda *a: blocks.append(1) or read(*a))
    part = fitted_model.audience(item, 3, by="like")
    assert part["user_id"].to_list() == whole["user_id"].to_list()
    assert len(blocks) < 4  # 4, 8, 16 and 32 users are all 60


def test_nobody_who_has_the_item_is_in_its_audience(fitted_model):
    log = fitted_model.interactions_.to_frame()
    item = log["item_id"].mode()[0]
    people = fitted_model.audience(item, 60, by="consume")
    owners = log.filter(item_id=item)["user_id"]
    assert set(people["user_id"]).isdisjoint(owners)
    assert people.height == fitted_model.interactions_.n_users - owners.len()


def test_people_outside_training_are_an_audience_too(fitted_model):
    items = fitted_model.interactions_.items.to_series()
    log = fitted_model.interactions_.to_frame().head(24).drop("timestamp", strict=False)
    people = fitted_model.audience(items[0], 5, users=log, by="like")
    assert set(people["user_id"]) <= set(log["user_id"])


def test_mistakes_are_sentences(fitted_model):
    with pytest.raises(UnknownItemError, match="nothing"):
        fitted_model.audience("nothing")
    item = fitted_model.interactions_.items.to_series()[0]
    with pytest.raises(SettingError, match="k must be"):
        fitted_model.audience(item, 0)
    with pytest.raises(SettingError, match="confidence"):
        fitted_model.audience(item, confidence=2)
    with pytest.raises(SettingError, match="by"):
        fitted_model.audience(item, by="fame")
