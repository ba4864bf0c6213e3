"""The protocol of logs with types, on a miniature that is counted by hand."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from conv4rec.data.event_splits import split_rows
from conv4rec.errors import Conv4RecError, SettingError
from conv4rec.evaluate.event_protocol import evaluate_events

ROWS = [
    ("a", 1, "view", False), ("a", 2, "buy", False), ("a", 1, "buy", True),
    ("b", 3, "view", False), ("b", 4, "buy", True), ("b", 4, "view", True),
    ("c", 3, "buy", False), ("c", 2, "buy", True), ("c", 4, "buy", True),
    ("d", 1, "view", False),
]  # fmt: skip
FRAME = pl.DataFrame(ROWS, schema=["user_id", "item_id", "type", "test"], orient="row")
SCORES = np.array([[2.0, 9.0, 1.0, 1.5], [1, 2, 4, 3], [1, 2, 9, 3], [0, 0, 0, 0]])
"""Of users a to d and items 1 to 4."""


class Fixed:
    """Scores and probabilities that do not depend on the history."""

    def __init__(self, scores=SCORES, p_buy=0.25):
        self.scores, self.p_buy = scores, p_buy

    def target_scores(self, given, rows, target):
        assert target in given.types.names
        return self.scores[rows]

    def kind_probabilities(self, given, rows, items):
        assert items.max() < given.n_items
        return np.tile([self.p_buy, 0.75], (len(rows), 1))


class Silent:
    """A model without answers."""

    def target_scores(self, *asked):
        del asked

    def kind_probabilities(self, *asked):
        del asked


def split_of(metrics, **loading):
    split = split_rows(FRAME.drop("test"), FRAME["test"], "mine", **loading)
    return replace(split, metrics=metrics)


def test_all_pairs_and_new_pairs_are_counted_by_hand():
    """Bought items are masked, viewed ones are not.

    a: items 1, 4, 3 (2 is bought); wants 1, which is viewed and so not new.
    b: items 3, 4, 2, 1; wants 4 in place 2; 4 is also viewed in the test, so not new.
    c: items 4, 2, 1 (3 is bought); wants 2 and 4, both new: places 1 and 2.
    d: wants nothing.
    """
    found = evaluate_events(Fixed(), split_of(("hr@1", "recall@2", "ndcg@2"), targets=["buy"]))
    assert found.user_ids.to_list() == ["a", "b", "c"]
    np.testing.assert_allclose(found.per_user["hr@1"], [1, 0, 1])
    np.testing.assert_allclose(found.per_user["recall@2"], [1, 1, 1])
    np.testing.assert_allclose(found.per_user["ndcg@2"], [1, 1 / np.log2(3), 1])
    np.testing.assert_allclose(found.per_user["new_ndcg@2"], [np.nan, np.nan, 1])
    assert (found["hr@1"], found["new_hr@1"]) == (pytest.approx(2 / 3), 1)
    assert (found.n_users["hr@1"], found.n_users["new_hr@1"]) == (3, 1)
    assert "nll_type" not in found.metrics


def test_a_bought_item_stays_a_candidate_where_purchases_repeat():
    once = evaluate_events(Fixed(), split_of(("hr@1",), targets=["buy"]))
    again = evaluate_events(Fixed(), split_of(("hr@1",), targets=["buy"], repeats={"buy": True}))
    assert once.per_user["hr@1"].tolist() == [1, 0, 1]
    assert again.per_user["hr@1"].tolist() == [0, 0, 0]  # 2 and 3, which a and c own, come first


def test_new_pairs_mask_the_whole_history():
    scores = np.tile([5.0, 1, 9, 3], (4, 1))  # c owns 3; then 1, then 4
    found = evaluate_events(Fixed(scores), split_of(("ndcg@2",), targets=["buy"]))
    expected = (1 / np.log2(3)) / (1 + 1 / np.log2(3))
    assert found.per_user["new_ndcg@2"][2] == pytest.approx(expected)


def test_each_of_several_types_has_its_metrics_and_the_loss_is_of_all_events():
    found = evaluate_events(Fixed(), split_of(("hr@1",)))
    assert found["hr@1/buy"] == pytest.approx(2 / 3)
    assert found["hr@1/view"] == 1  # of b, who has viewed 3
    assert found.n_users["hr@1/view"] == 1
    expected = -(4 * np.log(0.25) + np.log(0.75)) / 5
    assert found["nll_type"] == pytest.approx(expected)
    assert "hr@1/view" in str(found)


def test_figures_do_not_depend_on_the_memory():
    whole = evaluate_events(Fixed(), split_of(("ndcg@2",)))
    by_one = evaluate_events(Fixed(), split_of(("ndcg@2",)), max_memory_mb=48 * 4 / 1e6)
    assert whole.metrics == by_one.metrics
    with pytest.raises(SettingError, match="max_memory_mb"):
        evaluate_events(Fixed(), split_of(("ndcg@2",)), max_memory_mb=1e-6)


def test_wrong_answers_and_wrong_names_are_refused():
    with pytest.raises(Conv4RecError, match="target_scores returned"):
        evaluate_events(Fixed(SCORES[:, :2]), split_of(("hr@1",)))
    with pytest.raises(Conv4RecError, match="sum to one"):
        evaluate_events(Fixed(p_buy=1.0), split_of(("hr@1",)))
    with pytest.raises(SettingError, match="unknown ranking metric 'mrr@1'"):
        evaluate_events(Fixed(), split_of(("mrr@1",)))


def test_a_model_without_an_answer_has_no_figure():
    assert evaluate_events(Silent(), split_of(("hr@1",))).metrics == {"nll_type": None}
