"""Stacking: a correction of the consume scores, the same small network for all pairs."""

import pytest
import torch

from conv4rec.model import stacking as module
from conv4rec.model.stacking import LENGTH, POPULARITY, SLIM_PART, SUM, Stacking

N_ITEMS = 30


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(3)


@pytest.fixture
def stacking(rng):
    found = Stacking(N_ITEMS, 6)
    for table in found.parameters():
        table.normal_(generator=rng)
    found.deviation.abs_().add_(0.2)
    found.range.copy_(torch.tensor([[-1.0] * 4, [1.5] * 4]))
    return found


def scores(n_users, rng):
    return [torch.randn(n_users, N_ITEMS, generator=rng) for _ in range(2)]


def by_hand(stacking, total, slim_part, n_consumed):
    """The formula, a pair at a time."""
    found = torch.empty_like(total)
    for u in range(len(total)):
        for i in range(N_ITEMS):
            x = torch.empty(4)
            x[SUM], x[SLIM_PART] = total[u, i], slim_part[u, i]
            x[POPULARITY], x[LENGTH] = stacking.popularity[i], n_consumed[u].log1p()
            least, most = stacking.range
            z = (x.clamp(least, most) - stacking.mean) / stacking.deviation
            hidden = stacking.first @ z + stacking.bias
            parabola = (hidden + 1).square() / 4
            hidden = torch.where(hidden.abs() < 1, parabola, hidden.relu())
            found[u, i] = total[u, i] + stacking.linear @ z + stacking.out @ hidden
    return found


@pytest.mark.parametrize("at_once", [1, 3 * N_ITEMS, 10**6])
def test_it_is_the_formula_in_blocks_of_any_size(stacking, rng, monkeypatch, at_once):
    monkeypatch.setattr(module, "CELLS", at_once)
    total, slim_part = scores(7, rng)
    n_consumed = torch.tensor([0.0, 1, 2, 3, 5, 8, 100])
    expected = by_hand(stacking, total, slim_part, n_consumed)
    found = stacking.corrected(total.clone(), slim_part, n_consumed)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_before_training_nothing_is_corrected(rng):
    stacking = Stacking(N_ITEMS, 6)
    stacking.deviation.fill_(1.0)
    stacking.first.normal_(generator=rng)
    total, slim_part = scores(4, rng)
    assert stacking.corrected(total.clone(), slim_part, torch.ones(4)).equal(total)


def test_without_slim_its_channel_is_zero(stacking, rng):
    total, _ = scores(4, rng)
    zero = torch.zeros_like(total)
    found = [stacking.corrected(total.clone(), part, torch.ones(4)) for part in (None, zero)]
    assert found[0].equal(found[1])


def test_beyond_its_range_the_correction_stays(stacking):
    channels = torch.zeros(3, 1, N_ITEMS)
    far = channels.clone()
    channels[SUM], far[SUM] = 1.5, 1000.0
    length = torch.tensor([0.3])
    torch.testing.assert_close(stacking(far, length), stacking(channels, length))
    inside = channels.clone()
    inside[SUM] = 0.0
    assert not stacking(inside, length).allclose(stacking(channels, length))


def test_secants_are_exactly_what_the_correction_moves_by(stacking, rng):
    before, after = (2 * torch.randn(3, N_ITEMS, generator=rng).double() for _ in range(2))
    after[POPULARITY] = before[POPULARITY]
    after[:, 3] = before[:, 3]  # nothing moves
    length = torch.tensor(0.7).double()
    stacking = stacking.double()
    of_sum, of_slim = stacking.secant_slopes(before, after, length)
    moved = stacking(after[:, None], length[None]) - stacking(before[:, None], length[None])
    by_slopes = of_sum * (after - before)[SUM] + of_slim * (after - before)[SLIM_PART]
    torch.testing.assert_close(by_slopes, moved[0])
    assert moved[0].abs().max() > 0.1
    assert moved[0, 3] == 0


def test_popularity_is_alike_for_a_log_and_a_part_of_it():
    counts = torch.tensor([500.0, 1000.0, 4000.0])
    whole, part = Stacking.popularity_of(counts), Stacking.popularity_of(counts / 4)
    torch.testing.assert_close(whole, part, rtol=0, atol=0.01)
