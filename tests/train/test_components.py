"""Which components stand beside the network, and how large they are."""

import pytest

from conv4rec.train import components
from conv4rec.train.components import FEWEST_DRAWS
from conv4rec.train.ensemble import DEFAULT_WEIGHTS, WITHOUT_RIDGE
from conv4rec.train.ensemble_scores import EnsembleWeights
from conv4rec.train.mixture_weight import DEFAULT_SHARE


def test_a_huge_catalogue_has_fewer_directions_and_draws(mixed, make_fit, monkeypatch):
    ranks, ridge_of = [], components.Ridge.of

    def spied(log, rank, seed, device):
        ranks.append(rank)
        return ridge_of(log, rank, seed, device)

    monkeypatch.setattr(components.Ridge, "of", spied)
    monkeypatch.setattr(components, "NUMBERS", 6 * mixed.n_items)
    fitted = make_fit(mixed, mf_draws=10, mf_sweeps=10, ridge_rank=30).run()
    assert set(ranks) == {6}
    assert fitted.model.config.n_mf_draws == FEWEST_DRAWS


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, DEFAULT_WEIGHTS),
        ({"ridge_rank": 0}, WITHOUT_RIDGE),
        ({"slim_neighbours": 0}, EnsembleWeights()),
    ],
)
def test_with_nothing_held_out_weights_and_penalties_are_those_in_doubt(
    mixed, make_fit, settings, expected
):
    few = {
        "mf_draws": 4,
        "mf_sweeps": 10,
        "consume_reg_factors": (3.0,),
        "rate_reg_factors": (0.5,),
    }
    fitted = make_fit(mixed, validation_fraction=0.0, **few, **settings).run()
    assert fitted.validation_results == []
    assert fitted.schedule.reg_factors == (3.0, 0.5)
    assert fitted.ensemble_weights == expected
    assert (fitted.model.slim is not None) == (expected.slim > 0)
    assert fitted.model.bayesian_mf.share == pytest.approx(DEFAULT_SHARE)
