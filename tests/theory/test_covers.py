import itertools
import math

import numpy as np
import pytest

from conv4rec.errors import SettingError
from conv4rec.theory.covers import entry_cover, group_cover, parameter_cover
from conv4rec.theory.layers import Chain, Layer
from conv4rec.theory.loss import negative_log_likelihood


def packed(points, separation, norm):
    """How many of the points a greedy choice keeps, all more than `separation` apart."""
    kept = points[:1]
    for point in points[1:]:
        if norm(kept - point).min() > separation:
            kept = np.concatenate([kept, point[None]])
    return len(kept)


def euclidean(differences):
    return np.linalg.norm(differences.reshape(len(differences), -1), axis=1)


def largest(differences):
    return np.abs(differences.reshape(len(differences), -1)).max(axis=1)


@pytest.mark.parametrize("resolution", [0.3, 0.5, 0.95])
def test_no_packing_of_a_ball_of_weights_beats_its_cover(resolution):
    """Points more than ε apart are at most the points of the cover: volumes again."""
    line = np.linspace(-1, 1, 2001)[:, None]
    lattice = np.array([(i + j / 2, j * math.sqrt(3) / 2) for i, j in np.ndindex(31, 31)])
    hexagons = (lattice - lattice[15 * 31 + 15]) * resolution * 1.0001
    disc = hexagons[np.linalg.norm(hexagons, axis=1) <= 1]
    for n_parameters, points in ((1, line), (2, disc)):
        n_packed = packed(points, resolution, euclidean)
        limit = parameter_cover(n_parameters, 1.0, resolution)
        assert math.log(n_packed) <= limit + 1e-9
        assert math.log(n_packed) > 0.6 * limit  # nor is the cover much larger than it must be


def extreme_and_random_matrices(shape, rng, n=4000):
    """(2,1) norm 1: random ones, and those with their weight on one row."""
    matrices = rng.normal(size=(n, *shape)) * rng.choice([0.01, 1], size=(n, shape[0], 1))
    return matrices / np.linalg.norm(matrices, axis=2).sum(axis=1)[:, None, None]


@pytest.mark.parametrize("resolution", [0.55, 0.7, 0.9, 1.0, 1.2])
def test_the_points_that_prove_the_group_cover_do_cover(resolution):
    """Build all shrunken averages of k extreme points, and search for a matrix far from them."""
    rng = np.random.default_rng(0)
    sample = rng.normal(size=(4, 2))
    sample /= np.linalg.norm(sample)
    n_terms = max(0, math.ceil(1 / resolution**2) - 1)
    columns = sample / np.linalg.norm(sample, axis=0)
    extremes = [
        sign * np.outer(columns[:, j], np.eye(2)[o])
        for j in range(2)
        for o in range(2)
        for sign in (-1, 1)
    ]
    choices = itertools.combinations_with_replacement(extremes, n_terms)
    zero = np.zeros((4, 2))
    points = [np.sum([zero, *choice], axis=0) / (n_terms + 1) for choice in choices]
    points = np.reshape(points, (-1, 8))
    assert math.log(len(points)) <= group_cover((2, 2)) / resolution**2

    matrices = extreme_and_random_matrices((2, 2), rng)
    nearest = np.zeros(0)
    for _ in range(30):  # hill climbing on the distance to the nearest point
        outputs = (sample @ matrices.transpose(0, 2, 1)).reshape(-1, 8)
        nearest = _distance(outputs, points)
        moved = matrices + 0.1 * rng.normal(size=matrices.shape)
        size = np.linalg.norm(moved, axis=2).sum(axis=1)
        moved /= np.maximum(size, 1)[:, None, None]
        better = _distance((sample @ moved.transpose(0, 2, 1)).reshape(-1, 8), points) > nearest
        matrices[better] = moved[better]
    assert nearest.max() <= resolution
    assert nearest.max() > 0.4 * resolution  # the search comes near


def _distance(outputs, points):
    squares = (outputs**2).sum(1)[:, None] + (points**2).sum(1) - 2 * outputs @ points.T
    return np.sqrt(np.maximum(squares.min(axis=1), 0))


@pytest.mark.parametrize("resolution", [0.2, 0.4, 0.8])
def test_no_packing_of_outputs_beats_the_group_or_the_entry_cover(resolution):
    """A packing at twice the error needs as many points as any cover has."""
    rng = np.random.default_rng(1)
    sample = rng.normal(size=(5, 2))
    by_size = sample / np.linalg.norm(sample)
    by_row = sample / np.linalg.norm(sample, axis=1, keepdims=True)
    group = by_size @ extreme_and_random_matrices((3, 2), rng).transpose(0, 2, 1)
    limit = group_cover((3, 2)) / resolution**2
    assert math.log(packed(group, 2 * resolution, euclidean)) <= limit
    matrices = rng.normal(size=(4000, 3, 2))
    matrices /= np.linalg.norm(matrices, axis=(1, 2), keepdims=True)
    entries = by_row @ matrices.transpose(0, 2, 1)
    limit = entry_cover(5 * 3) / resolution**2
    assert math.log(packed(entries, resolution, largest)) <= limit  # its points are in the set


def test_the_gaussian_fact_behind_the_entry_cover_holds_and_is_not_wasteful():
    """All outputs of a Gaussian matrix are below t = sqrt(2 log(2 n)) with probability 1/2."""
    rng = np.random.default_rng(2)
    for n_points in (1, 10, 300):
        inputs = rng.normal(size=(n_points, 6))
        inputs /= np.linalg.norm(inputs, axis=1, keepdims=True)
        draws = np.abs(rng.normal(size=(4000, 6)) @ inputs.T).max(axis=1)
        t = math.sqrt((entry_cover(n_points) - math.log(2)) / 2)
        assert (draws <= t).mean() > 0.5
        assert (draws <= t / 3).mean() < 0.5


def test_no_step_of_a_layer_moves_the_loss_faster_than_its_sensitivity():
    """Hill climbing over weights, steps, inputs and answers of three-layer networks."""
    rng = np.random.default_rng(3)
    best = np.zeros(3)
    for _ in range(30):
        shapes = [(2, 3), (2, 2), (4, 2)]
        weights = [rng.normal(size=shape) * rng.choice([0.3, 3]) for shape in shapes]
        x = rng.normal(size=3)
        x /= np.linalg.norm(x)
        for moved in range(3):
            step, found = rng.normal(size=shapes[moved]), 0.0
            for _ in range(40):
                tried = step + rng.normal(size=step.shape) * np.abs(step).mean()
                ratio = _steepness(weights, moved, tried, x)
                if ratio > found:
                    step, found = tried, ratio
            best[moved] = max(best[moved], found)
    assert (best <= 1 + 1e-9).all()
    assert (best > 0.4).all()


def _steepness(weights, moved, step, x):
    """Largest move of the loss over the answers, per sensitivity and size of the step."""
    small = [w + 0.01 * step if k == moved else w for k, w in enumerate(weights)]
    both = [
        Layer("layer", w.shape, *_largest_norms(w, v), 0.0, 0.0, 0)
        for w, v in zip(weights, small, strict=True)
    ]
    answers = np.arange(4)
    losses = [
        negative_log_likelihood(np.tile(np.linalg.multi_dot([*net[::-1], x]), (4, 1)), answers)
        for net in (weights, small)
    ]
    rise = np.abs(losses[1] - losses[0]).max()
    limit = Chain(tuple(both), 1.0).sensitivities()[moved]
    return rise / (limit * 0.01 * np.linalg.norm(step))


def _largest_norms(first, second):
    spectral = float(max(np.linalg.norm(first, 2), np.linalg.norm(second, 2)))
    return spectral, max(np.linalg.norm(w, axis=1).max() for w in (first, second))


def test_impossible_covers_are_refused():
    with pytest.raises(SettingError, match="resolution"):
        parameter_cover(3, 1.0, 0.0)
    with pytest.raises(SettingError, match="n_points"):
        entry_cover(0)
