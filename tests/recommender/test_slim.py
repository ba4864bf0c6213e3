"""A model that hears its neighbours answers, explains itself and is saved like any other."""

from dataclasses import replace

import numpy as np
import pytest

from conv4rec import Conv4Rec
from conv4rec.errors import SavedModelError
from conv4rec.recommender.guarantees.generalization_gap import trained_half
from conv4rec.train import fit
from conv4rec.train.ensemble import USUAL


@pytest.fixture(scope="module")
def model(mixed, small):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "choose_blend", lambda *_: USUAL)
        found = Conv4Rec(seed=0, **small).fit(mixed)
    assert found.scoring_.network.neighbours is not None
    return found


def chances(model, mixed):
    return model.rank_log_probabilities(mixed, np.arange(mixed.n_users))


def test_it_is_saved_and_loaded_bit_for_bit(model, mixed, tmp_path):
    model.save(tmp_path / "model")
    same = Conv4Rec.load(tmp_path / "model")
    np.testing.assert_array_equal(chances(same, mixed), chances(model, mixed))


def test_numbers_of_neighbours_that_are_no_items_are_refused(model, tmp_path):
    items = model.scoring_.network.neighbours.get_buffer("items")
    first = int(items[0, 0])
    items[0, 0] = model.interactions_.n_items
    try:
        model.save(tmp_path / "model")
    finally:
        items[0, 0] = first
    with pytest.raises(SavedModelError, match="neighbours are no items"):
        Conv4Rec.load(tmp_path / "model")


@pytest.mark.parametrize("alone", [False, True], ids=["as served", "tables alone"])
def test_its_reasons_add_up_to_its_own_chance(model, mixed, alone):
    model = trained_half(model) if alone else model
    user = mixed.users.ids(np.array([0]))[0]
    seen = set(mixed.item_numbers[mixed.user_numbers == 0].tolist())
    unseen = [n for n in range(mixed.n_items) if n not in seen]
    said = chances(model, mixed)[0]
    for number in unseen[:3]:
        item = mixed.items.ids(np.array([number]))[0]
        parts = model.explain(user, item, by="consume")["contribution"].sum()
        assert parts == pytest.approx(said[number] - said[unseen].mean(), abs=1e-4)


def test_the_blend_is_chosen_by_what_its_parts_have_not_seen(mixed, small, monkeypatch):
    given = {"neighbours": [], "ridge": []}
    find, solve, shown = fit.find_neighbours, fit.Ridge.of, []

    def spied(kind, made):
        return lambda log, *rest: given[kind].append(log) or made(log, *rest)

    monkeypatch.setattr(fit, "find_neighbours", spied("neighbours", find))
    monkeypatch.setattr(fit.Ridge, "of", spied("ridge", solve))
    monkeypatch.setattr(fit, "choose_blend", lambda *a: shown.append(a[3]) or USUAL)
    Conv4Rec(seed=0, **small).fit(mixed)
    fed = shown[0].fed.numpy() > 0
    assert 0 < (~fed).sum() < len(mixed)
    for rehearsed, final in given.values():
        np.testing.assert_array_equal(
            rehearsed.to_csr().toarray(), mixed.select(fed).to_csr().toarray()
        )
        assert len(final) == len(mixed)


def test_the_neighbours_say_as_much_as_the_blend_says(model):
    scale = model.scoring_.network.neighbours.scale.tolist()
    assert scale == pytest.approx([USUAL.neighbours, USUAL.floor])


def test_the_theory_sees_the_tables_alone(model, mixed):
    tables = trained_half(model)
    assert np.nanmax(np.abs(np.exp(chances(tables, mixed)) - np.exp(chances(model, mixed)))) > 1e-3
    scoring = model.scoring_
    reading, _ = scoring.read(mixed, np.arange(3))
    expected = scoring.network.consume_logits(replace(reading, history=None))
    found, _ = tables.scoring_.read(mixed, np.arange(3))
    assert (scoring.network.consume_logits(found) == expected).all()


def test_someone_new_without_a_history_is_offered_what_is_popular(model, mixed):
    nobody = mixed.select(np.zeros(len(mixed), dtype=bool))
    chance = np.exp(model.rank_log_probabilities(nobody, np.array([0]))[0])
    counts = np.bincount(mixed.item_numbers, minlength=mixed.n_items)
    shares = np.maximum(counts, 0.5) / counts.sum()
    assert (shares * np.log(shares / chance)).sum() < 0.05
