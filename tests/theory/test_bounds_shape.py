import math
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conv4rec.errors import SettingError
from conv4rec.theory.counting import parameter_count_bound
from conv4rec.theory.layers import Chain, Layer
from conv4rec.theory.network import NetworkNorms
from conv4rec.theory.norm_based import norm_bound
from conv4rec.theory.recovery import log_log_slope

BOUNDS = [parameter_count_bound, norm_bound]
NORMS = ("spectral_norm", "row_norm", "frobenius_distance", "group_distance")


def network(**settings) -> NetworkNorms:
    """Like the library's own: shared kernel, encoder, decoder, shared kernel; and a bias."""
    layers = (
        Layer("kernel in", (3, 5), 1.2, 0.9, 0.5, 0.8, 15, n_shared=100),
        Layer("encoder", (8, 300), 2.0, 1.0, 3.0, 7.0, 2400),
        Layer("decoder", (300, 8), 1.5, 0.4, 2.0, 30.0, 2400),
        Layer("kernel out", (5, 3), 1.1, 0.7, 0.4, 0.7, 15, n_shared=100),
    )
    bias = Layer("bias", (500, 1), 2.0, 0.3, 1.0, 15.0, 500)
    chains = (Chain(layers, 1.0), Chain((bias,), 1.0))
    return NetworkNorms(chains, 500, **settings)


def grown(norms: NetworkNorms, number: int, **factors: float) -> NetworkNorms:
    """The same norms, some of one layer's larger."""
    chains, seen = [], 0
    for chain in norms.chains:
        layers = list(chain.layers)
        if seen <= number < seen + len(layers):
            layer = layers[number - seen]
            changes = {name: getattr(layer, name) * factor for name, factor in factors.items()}
            layers[number - seen] = replace(layer, **changes)
        seen += len(layers)
        chains.append(replace(chain, layers=tuple(layers)))
    return replace(norms, chains=tuple(chains))


@pytest.mark.parametrize("fixed", [True, False])
@pytest.mark.parametrize("bound", BOUNDS)
@given(number=st.integers(0, 4), name=st.sampled_from(NORMS), factor=st.floats(1, 30))
def test_the_bound_never_falls_when_a_norm_grows(bound, fixed, number, name, factor):
    before = network(fixed=fixed)
    after = grown(before, number, **{name: factor})
    assert bound(after, 10_000).value >= bound(before, 10_000).value * (1 - 1e-12)


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("bound", BOUNDS)
def test_the_bound_does_grow_with_every_layer(bound, number):
    """Spectral and row norm together: the spread takes the better of the two.

    So much data that no bound has met the loss range, where all of them stop growing.
    """
    before = network(fixed=True)
    distance = {parameter_count_bound: ["frobenius_distance"], norm_bound: NORMS[2:]}[bound]
    for names in (NORMS[:2], distance):
        after = grown(before, number, **dict.fromkeys(names, 2.0))
        assert bound(after, 10**12).value > bound(before, 10**12).value * (1 + 1e-6)


@pytest.mark.parametrize("bound", BOUNDS)
@given(n=st.integers(1, 10**9), more=st.integers(0, 10**9), confidence=st.floats(0.5, 0.999))
def test_the_bound_falls_with_n_and_grows_with_confidence(bound, n, more, confidence):
    value = bound(network(), n, confidence).value
    assert bound(network(), n, (1 + confidence) / 2).value > value
    # the entry cover knows log n, so below a few users it may rise by a hair
    assert bound(network(), n + more, confidence).value <= value * (1 + 0.1 * (n < 100))


@pytest.mark.parametrize("bound", BOUNDS)
def test_four_times_the_data_halve_the_bound_up_to_logarithms(bound):
    """Both are n^(-1/2) times a power of log n: the slope is -1/2 once that is divided out."""
    sizes = 4.0 ** np.arange(15, 25)
    bounds = [bound(network(fixed=True), int(n)) for n in sizes]
    values = np.array([each.value for each in bounds])
    assert -0.5 <= log_log_slope(sizes, values).slope <= -0.42
    ratios = values[1:] / values[:-1]
    assert ((ratios >= 0.5) & (ratios < 0.58)).all()
    assert ratios[-1] < ratios[0]  # the logarithm fades
    if bound is norm_bound:
        radii = 3 * np.array([each.capacity for each in bounds]) / np.sqrt(sizes)
        logarithms = 1 + np.log(bounds[0].loss_range / (2 * radii))
    else:
        logarithms = np.sqrt([each.log_cover for each in bounds])
    fitted = log_log_slope(sizes, values / logarithms)
    assert fitted.slope == pytest.approx(-0.5, abs=0.01)


@pytest.mark.parametrize("bound", BOUNDS)
def test_the_part_of_the_bound_without_logarithms_halves_exactly(bound):
    first, second = (bound(network(fixed=True), n) for n in (10_000, 40_000))
    if bound is norm_bound:
        assert second.deviation == pytest.approx(first.deviation / 2)
    else:  # at the same resolution the stand-ins are the same
        same = replace(first, n=40_000)
        assert same.deviation == pytest.approx(first.deviation / 2)
        assert second.value <= same.value


def test_the_parameter_count_bound_beats_the_textbook_form_for_one_layer():
    """4/n + B sqrt((Σ W log(1 + 2 n L Λ β / s) + log(1/δ)) / 2n), B = log M + 2Λ."""
    layer = Layer("decoder", (20, 5), 3.0, 2.5, 2.0, 6.0, 100)
    norms = NetworkNorms((Chain((layer,), 1.0),), 20, fixed=True)
    for n in (100, 10_000, 10**6):
        log_cover = 100 * math.log(1 + 2 * n * 3.0 * 2.0 / 3.0)
        largest = math.log(20) + 2 * 3.0
        textbook = 4 / n + largest * math.sqrt((log_cover + math.log(20)) / (2 * n))
        ours = parameter_count_bound(norms, n, 0.95)
        assert 0.5 * textbook < ours.value < textbook


def test_a_network_at_its_initial_weights_has_no_capacity():
    norms = network(fixed=True)
    for number in range(5):
        norms = grown(norms, number, frobenius_distance=0.0, group_distance=0.0)
    assert norm_bound(norms, 1000).value == norm_bound(norms, 1000).deviation
    assert parameter_count_bound(norms, 1000).log_cover == 0


def test_the_value_is_the_sum_of_the_named_terms_and_vacuous_is_at_the_trivial_loss():
    count, norm = (bound(network(), 10**9) for bound in BOUNDS)
    assert count.value == count.discretisation + count.deviation
    assert count.log_cover == pytest.approx(sum(nats for _, nats in count.layer_log_covers))
    assert norm.value == 2 * norm.rademacher + norm.deviation
    assert [name for name, _ in norm.layer_terms] == [
        "kernel in", "encoder", "decoder", "kernel out", "bias",
    ]  # fmt: skip
    assert {"n", "confidence", "loss_range", "union_cost", "trivial"} <= asdict(norm).keys()
    assert count.trivial == pytest.approx(math.log(500))
    assert not count.vacuous
    assert parameter_count_bound(network(), 100).vacuous
    assert norm_bound(network(), 100).vacuous


def test_measured_norms_add_the_cost_of_a_union_bound():
    measured = network().on_grid()
    assert measured.fixed
    assert measured.union_cost > 0
    assert network(fixed=True).on_grid() == network(fixed=True)
    assert measured.on_grid() == measured  # pays once


@pytest.mark.parametrize("bound", BOUNDS)
def test_invalid_arguments_are_refused(bound):
    with pytest.raises(SettingError, match="n must be"):
        bound(network(), 0)
    with pytest.raises(SettingError, match="confidence"):
        bound(network(), 10, confidence=95)
    with pytest.raises(SettingError, match="finite"):
        bound(grown(network(), 0, spectral_norm=math.inf), 10)
