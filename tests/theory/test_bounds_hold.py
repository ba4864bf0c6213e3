from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from conv4rec.theory.counting import parameter_count_bound
from conv4rec.theory.loss import negative_log_likelihood
from conv4rec.theory.norm_based import dudley, norm_bound
from conv4rec.theory.pinsker import recovery_bound, total_variation_from_excess
from conv4rec.theory.recovery import total_variation

BOUNDS = [parameter_count_bound, norm_bound]


@pytest.mark.parametrize("world", ["trained", "adversarial"])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("bound", BOUNDS)
def test_the_bound_is_at_least_the_gap_in_every_small_world(bound, shared, world, request):
    for problems in request.getfixturevalue(world):
        gaps = problems.gaps()
        for number, gap in enumerate(gaps):
            assert bound(problems.norms(number), problems.n, shared=shared).value >= gap
        assert gaps.mean() > 0.02  # there is a gap to bound: these networks do overfit


@pytest.mark.parametrize("bound", BOUNDS)
def test_norms_fixed_in_advance_bound_the_gap_of_the_networks_within_them(bound, adversarial):
    for problems in adversarial:
        for number, gap in enumerate(problems.gaps()):
            norms = problems.norms(number, fixed=True)
            assert gap <= bound(norms, problems.n).value
            assert bound(norms, problems.n).value < bound(problems.norms(number), problems.n).value


@pytest.mark.parametrize("bound", BOUNDS)
def test_the_bound_is_at_least_the_gap_for_smoothed_models(bound, adversarial):
    smoothing = 0.05
    for problems in adversarial:
        p = (1 - smoothing) * softmax(problems.logits(), axis=-1)
        losses = -np.log(p + smoothing / p.shape[-1])
        gaps = ((problems.expected_distribution - problems.counts / problems.n) * losses).sum(
            (1, 2)
        )
        for number, gap in enumerate(gaps):
            norms = problems.norms(number, smoothing=smoothing)
            assert losses[number].max() <= norms.loss_range
            assert gap <= bound(norms, problems.n).value
            plain = bound(replace(norms, smoothing=0.0), problems.n)
            assert bound(norms, problems.n).value <= plain.value


def test_the_measured_gap_is_the_difference_of_the_losses(trained):
    problems = trained[0]
    users, outputs = np.nonzero(problems.counts[0])
    losses = negative_log_likelihood(problems.logits()[0, users], outputs)
    training = (problems.counts[0, users, outputs] * losses).sum() / problems.n
    expected = (problems.expected_distribution[0] * problems.losses()[0]).sum()
    assert problems.gaps()[0] == pytest.approx(expected - training)


def test_no_loss_of_any_network_is_above_its_range(trained, adversarial):
    for problems in [*trained, *adversarial]:
        largest = problems.losses().max(axis=(1, 2))
        ranges = [problems.norms(k, fixed=True).loss_range for k in range(len(largest))]
        assert (largest <= ranges).all()


def test_dudleys_integral_bounds_the_sign_correlation_of_a_known_class():
    """{x -> <w, x> : |w| <= 1} on n unit inputs in the plane: its complexity is |Σ σ x| / n.

    Its log covering number is at most 2 log(1 + 2/ε) <= (C/ε)² with C² = 2 max ε² log(1 + 2/ε),
    and its functions lie in [-1, 1], a range of 2.
    """
    rng = np.random.default_rng(0)
    errors = np.linspace(1e-4, 1, 10_000)
    capacity = np.sqrt((2 * errors**2 * np.log1p(2 / errors)).max())
    for n in (10, 100, 1000):
        inputs = rng.normal(size=(n, 2))
        inputs /= np.linalg.norm(inputs, axis=1, keepdims=True)
        signs = rng.choice([-1.0, 1.0], size=(2000, n))
        assert np.linalg.norm(signs @ inputs, axis=1).mean() / n <= dudley(capacity, n, 2.0)


def test_total_variation_of_every_trained_network_is_below_pinsker_of_its_excess(trained):
    """The Pinsker step on real networks: excess measured exactly, in every problem."""
    for problems in trained:
        model = softmax(problems.logits(), axis=-1)
        entropies = -(problems.expected_distribution * np.log(problems.truth)).sum((1, 2))
        excess = (problems.expected_distribution * problems.losses()).sum((1, 2)) - entropies
        for truth, p, nats in zip(problems.truth, model, excess, strict=True):
            distances = total_variation(truth, p, n_users=len(truth))
            assert distances.mean() <= total_variation_from_excess(nats)


def test_the_recovery_bound_is_at_least_the_measured_total_variation(trained):
    """With the approximation error of the best model found by training on the truth itself."""
    for problems in trained:
        best = replace(problems, weights=[w.copy() for w in problems.weights])
        best.train(problems.expected_distribution, n_steps=300, rate=1.0)
        entropies = -(problems.expected_distribution * np.log(problems.truth)).sum((1, 2))
        approximation = (problems.expected_distribution * best.losses()).sum((1, 2)) - entropies
        model = softmax(problems.logits(), axis=-1)
        for k, truth in enumerate(problems.truth):
            gap = parameter_count_bound(problems.norms(k), problems.n)
            bound = recovery_bound(gap, approximation=max(0.0, approximation[k]))
            distance = total_variation(truth, model[k], n_users=len(truth)).mean()
            assert distance <= bound.value <= 1
            assert bound.confidence == pytest.approx(0.90)


@pytest.mark.parametrize("bound", BOUNDS)
def test_the_bound_is_at_least_the_gap_on_fresh_users(bound, draw_problems):
    """Setting A: n users drawn from a population, each with a mean loss over a target half."""
    rng = np.random.default_rng(2)
    n_users, population = 20, 300
    problems = draw_problems(60, population, 2, 6 * population, rng)
    drawn = rng.multinomial(n_users, np.full(population, 1 / population), size=60) / n_users
    targets = problems.counts / problems.counts.sum(-1, keepdims=True)
    training = drawn[..., None] * targets
    expected = np.broadcast_to(problems.truth / population, training.shape)
    problems.train(training - 0.9 * expected, n_steps=200, rate=1.0, limit=5.0)
    gaps = ((expected - training) * problems.losses()).sum((1, 2))
    assert gaps.mean() > 0.1
    for number, gap in enumerate(gaps):
        assert bound(problems.norms(number), n_users).value >= gap
