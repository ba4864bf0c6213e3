"""The components of a huge catalogue are smaller, so that memory stays bounded."""

from conv4rec.train import components
from conv4rec.train.components import FEWEST_DRAWS


def test_a_huge_catalogue_has_fewer_directions_and_draws(mixed, make_fit, monkeypatch):
    ranks, ridge_of = [], components.Ridge.of

    def spied(log, rank, seed):
        ranks.append(rank)
        return ridge_of(log, rank, seed)

    monkeypatch.setattr(components.Ridge, "of", spied)
    monkeypatch.setattr(components, "NUMBERS", 6 * mixed.n_items)
    fitted = make_fit(mixed, mf_draws=10, mf_sweeps=10, ridge_rank=30).run()
    assert set(ranks) == {6}
    assert fitted.model.config.n_mf_draws == FEWEST_DRAWS
