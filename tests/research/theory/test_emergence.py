"""Depth alone makes the rank low, on synthetic and real data, and no step is too long."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch

from conv4rec.errors import DataError
from research.theory.charts import emergence_picture
from research.theory.deep_factors import START, Rows, start, step_size
from research.theory.emergence import TRUE_RANK, emergence, real_emergence


@pytest.fixture(scope="module")
def found():
    return emergence(depths=(1, 2, 3), steps=700)


def test_low_rank_emerges_with_depth(found):
    ranks = [run.best.entropy_rank for run in found.runs]
    assert ranks == sorted(ranks, reverse=True)
    assert ranks[0] > 5 * found.truth.entropy_rank
    assert ranks[2] < 2 * found.truth.entropy_rank
    losses = [run.best_loss for run in found.runs]
    assert losses[2] < losses[0]
    assert min(losses) > found.entropy
    assert found.truth.rank == TRUE_RANK
    words = " ".join(ET.fromstring(emergence_picture(found)).itertext())
    assert "truth: " in words
    assert "3 factors" in words


def test_the_training_loss_falls_at_every_check(found):
    """Up to an overshoot of the momentum. A step longer than the curvature allows makes it rise."""
    for run in found.runs:
        falls = -np.diff(run.training_losses)
        assert falls.min() >= -0.1, run.depth
        assert run.training_losses[-1] < run.training_losses[0] - 1


def sharpest(rows, factors, rng, n_rounds=60):
    """The largest curvature of the loss in all factors together: power iteration."""
    directions = [torch.randn(f.shape, generator=rng, dtype=f.dtype) for f in factors]
    curvature = 0.0
    for _ in range(n_rounds):
        size = torch.sqrt(sum((d**2).sum() for d in directions))
        directions = [d / size for d in directions]
        product = torch.linalg.multi_dot(factors) if len(factors) > 1 else factors[0]
        loss = rows.loss(product) * rows.slope_scale
        gradients = torch.autograd.grad(loss, factors, create_graph=True)
        along = sum((g * d).sum() for g, d in zip(gradients, directions, strict=True))
        directions = [each.detach() for each in torch.autograd.grad(along, factors)]
        curvature = float(torch.sqrt(sum((d**2).sum() for d in directions)))
    (slope,) = torch.autograd.grad(rows.loss(product) * rows.slope_scale, product)
    return curvature, float(slope.norm())


@pytest.mark.parametrize("with_inputs", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_a_step_is_as_long_as_the_curvature_allows(depth, with_inputs):
    """Step x largest curvature is at most 1 (twice that diverges), at random factors of any size.

    It is also not needlessly small: somewhere it is at least 1/10.
    """
    rng = torch.Generator().manual_seed(depth)
    best = 0.0
    for scale in (0.1, 0.5, 1.5):
        shares = torch.softmax(3 * torch.randn(30, 8, generator=rng, dtype=torch.float64), 1)
        inputs = torch.rand(30, 8, generator=rng, dtype=torch.float64) if with_inputs else None
        rows = Rows(shares, inputs) if with_inputs else Rows(shares[:8])
        factors = [
            (scale * torch.randn(8, 8, generator=rng, dtype=torch.float64)).requires_grad_()
            for _ in range(depth)
        ]
        curvature, slope = sharpest(rows, factors, rng)
        reach = step_size(factors, slope) * curvature
        assert reach <= 1 + 1e-6
        best = max(best, reach)
    assert best >= 0.1


def test_every_depth_starts_from_a_product_of_one_small_size():
    for depth in (1, 2, 4):
        factors = start(depth, 6, seed=1)
        product = torch.linalg.multi_dot(factors) if depth > 1 else factors[0]
        values = torch.linalg.svdvals(product.detach())
        np.testing.assert_allclose(values, START, rtol=1e-9)


def test_a_real_log_has_runs_of_every_depth_and_no_truth(whole_log):
    found = real_emergence(whole_log, depths=(1, 3), steps=300)
    assert found.truth is None
    assert found.entropy is None
    assert "240 users" in found.about
    assert [run.depth for run in found.runs] == [1, 3]
    ranks = [run.best.entropy_rank for run in found.runs]
    assert ranks[1] < ranks[0] / 2
    for run in found.runs:
        assert run.best_loss < run.fresh_losses[0]
        assert (np.diff(run.training_losses) <= 1e-3).all()
        assert len(run.encoder_entropy_ranks) == len(run.decoder_stable_ranks) == len(run.steps)
    words = " ".join(ET.fromstring(emergence_picture(found)).itertext())
    assert "truth" not in words


def test_users_are_split_and_items_of_the_history_are_not_predicted(whole_log, monkeypatch):
    from research.theory import emergence as module

    seen = []
    monkeypatch.setattr(module, "train", lambda *words: seen.append(words[1:3]))
    real_emergence(whole_log, depths=(1,))
    ((size, parts),) = seen
    assert size == 50
    assert [len(part.shares) for part in parts] == [144, 48, 48]
    for part in parts:
        probability = torch.softmax(part.offset, 1)
        observed = part.inputs > 0
        assert float(probability[observed].max()) < 1e-9
        assert float(probability[~observed].min()) > 1e-6
        assert float(part.shares[observed].max()) == 0
        np.testing.assert_allclose(part.shares.sum(1), 1.0)
        assert float(part.inputs.norm(dim=1).max()) < 1


def test_too_few_users_are_a_sentence(whole_log):
    with pytest.raises(DataError, match="20 are needed"):
        real_emergence(whole_log.take_users(np.arange(12)))
