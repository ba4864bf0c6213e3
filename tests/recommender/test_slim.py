"""A model with a SLIM component answers, is explained and is saved like any other."""

import numpy as np
import pytest

from conv4rec import Conv4Rec
from conv4rec.errors import SavedModelError
from conv4rec.recommender import as_scorer
from conv4rec.recommender.guarantees.generalization_gap import neural_component
from conv4rec.train import components
from conv4rec.train.ensemble_scores import EnsembleWeights


@pytest.fixture(scope="module")
def model(mixed, small):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            components, "choose_ensemble_weights", lambda *_: EnsembleWeights(neural=0.4, slim=0.6)
        )
        found = Conv4Rec(seed=0, **small).fit(mixed)
    assert found.scoring_.model.slim is not None
    return found


def probabilities(model, mixed):
    return as_scorer(model).rank_log_probabilities(mixed, np.arange(mixed.n_users))


def test_it_is_saved_and_loaded_bit_for_bit(model, mixed, tmp_path):
    model.save(tmp_path / "model")
    same = Conv4Rec.load(tmp_path / "model")
    np.testing.assert_array_equal(probabilities(same, mixed), probabilities(model, mixed))


def test_numbers_of_neighbours_that_are_no_items_are_refused(model, tmp_path):
    items = model.scoring_.model.slim.get_buffer("items")
    first = int(items[0, 0])
    items[0, 0] = model.interactions_.n_items
    try:
        model.save(tmp_path / "model")
    finally:
        items[0, 0] = first
    with pytest.raises(SavedModelError, match=r"slim\.items"):
        Conv4Rec.load(tmp_path / "model")


@pytest.mark.parametrize("alone", [False, True], ids=["as served", "tables alone"])
def test_its_reasons_add_up_to_its_own_chance(model, mixed, alone):
    model = neural_component(model) if alone else model
    user = mixed.users.ids(np.array([0]))[0]
    seen = set(mixed.item_numbers[mixed.user_numbers == 0].tolist())
    unseen = [n for n in range(mixed.n_items) if n not in seen]
    contribution = probabilities(model, mixed)[0]
    for number in unseen[:3]:
        item = mixed.items.ids(np.array([number]))[0]
        parts = model.explain(user, item, by="consume")["contribution"].sum()
        assert parts == pytest.approx(contribution[number] - contribution[unseen].mean(), abs=1e-4)


def test_ensemble_weights_are_chosen_by_what_slim_has_not_seen(mixed, small, monkeypatch):
    fitted_on, shown, fit_slim = [], [], components.fit_slim
    scores_of = components.EnsembleScores

    def spied(log, size, device):
        fitted_on.append(log)
        return fit_slim(log, size, device)

    monkeypatch.setattr(components, "fit_slim", spied)
    monkeypatch.setattr(
        components, "EnsembleScores", lambda *a: shown.append(a[3]) or scores_of(*a)
    )
    monkeypatch.setattr(
        components, "choose_ensemble_weights", lambda *_: EnsembleWeights(neural=0.4, slim=0.6)
    )
    Conv4Rec(seed=0, **small).fit(mixed)
    observed = shown[0].observed.numpy() > 0
    assert 0 < (~observed).sum() < len(mixed)
    validation, final = fitted_on
    np.testing.assert_array_equal(
        validation.to_csr().toarray(), mixed.select(observed).to_csr().toarray()
    )
    assert len(final) == len(mixed)


def test_slim_is_served_with_the_ensemble_weights(model):
    weights = model.fitted_.ensemble_weights
    assert model.scoring_.model.slim.scale.tolist() == pytest.approx([weights.slim, weights.floor])
    assert weights.slim > 0


def test_the_theory_sees_the_tables_alone(model, mixed):
    tables = neural_component(model)
    assert (
        np.nanmax(
            np.abs(np.exp(probabilities(tables, mixed)) - np.exp(probabilities(model, mixed)))
        )
        > 1e-3
    )
    scoring = model.scoring_
    encoding, _ = scoring.encode(mixed, np.arange(3))
    expected = scoring.network.consume_logits(encoding)
    found, _ = tables.scoring_.encode(mixed, np.arange(3))
    assert (tables.scoring_.model.consume_logits(found) == expected).all()


def test_a_new_user_without_a_history_is_recommended_what_is_popular(model, mixed):
    nobody = mixed.select(np.zeros(len(mixed), dtype=bool))
    probability = np.exp(as_scorer(model).rank_log_probabilities(nobody, np.array([0]))[0])
    counts = np.bincount(mixed.item_numbers, minlength=mixed.n_items)
    shares = np.maximum(counts, 0.5) / counts.sum()
    assert (shares * np.log(shares / probability)).sum() < 0.05
