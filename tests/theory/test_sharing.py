import math

import pytest

from conv4rec.theory.counting import parameter_count_bound
from conv4rec.theory.layers import Chain, Layer
from conv4rec.theory.network import NetworkNorms
from conv4rec.theory.norm_based import norm_bound


def test_a_kernel_counted_n_times_costs_n_times_its_share_of_the_parameter_cover():
    kernel = Layer("kernel", (3, 5), 1.2, 0.9, 0.5, 0.8, 15, n_shared=100)
    decoder = Layer("decoder", (500, 300), 1.5, 0.4, 2.0, 30.0, 150_000)
    norms = NetworkNorms((Chain((kernel, decoder), 1.0),), 500, fixed=True)
    together = parameter_count_bound(norms, 10_000)
    apart = parameter_count_bound(norms, 10_000, shared=False)
    move = 2 * min(2**0.5 * 1.5, 2 * 0.4) * 0.5  # layers x how fast the loss moves x distance
    for bound, count, root in ((together, 15, 1), (apart, 1500, 10)):  # √n in the distance
        expected = count * math.log1p(2 * move * root / bound.resolution)
        assert dict(bound.layer_log_covers)["kernel"] == pytest.approx(expected)
    assert apart.value > together.value


def test_a_kernel_counted_n_times_costs_a_factor_n_in_the_norm_based_capacity():
    """Alone before a fixed decoder its (2,1) norm is all there is: n, and a logarithm."""
    kernel = Layer("kernel", (3, 5), 1.2, 0.9, 0.5, 0.8, 15, n_shared=100)
    frozen = Layer("decoder", (500, 300), 1.0, 0.5, 0.0, 0.0, 0)
    norms = NetworkNorms((Chain((kernel, frozen), 1.0),), 500, fixed=True)
    together, apart = (norm_bound(norms, 1000, shared=shared) for shared in (True, False))
    logarithm = math.sqrt(math.log(2 * 300 * 500) / math.log(2 * 3 * 5))
    assert apart.capacity / together.capacity == pytest.approx(100 * logarithm)


def test_a_last_kernel_counted_n_times_costs_at_most_root_n_by_its_entries():
    kernel = Layer("kernel", (5, 3), 1.2, 0.9, 0.5, 0.8, 15, n_shared=100)
    norms = NetworkNorms((Chain((kernel,), 1.0),), 500, fixed=True)
    together, apart = (norm_bound(norms, 10**4, shared=shared).capacity for shared in (True, False))
    by_entry = 2 * 0.5 * math.sqrt(4 * math.log(2 * 10**4 * 500) + math.log(2))
    assert together == pytest.approx(min(by_entry, math.sqrt(2) * 0.8 * math.sqrt(math.log(30))))
    assert apart == pytest.approx(10 * by_entry)


def test_many_outputs_cost_a_logarithm():
    """M from 10² to 10⁶ at the same Frobenius norms: the capacity grows by less than 1.5."""
    capacities = []
    for n_outputs in (100, 1_000_000):
        layer = Layer("decoder", (n_outputs, 8), 1.0, 0.5, 1.0, 0.99 * n_outputs**0.5, 8)
        norms = NetworkNorms((Chain((layer,), 1.0),), n_outputs, fixed=True)
        capacities.append(norm_bound(norms, 10_000).capacity)
    assert 1 < capacities[1] / capacities[0] < 1.5
