import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from conv4rec.theory.grid import next_on_grid


@given(value=st.floats(0, 1e6), more=st.floats(0, 1e6))
def test_the_grid_rounds_up_by_at_most_two_percent_and_is_monotone(value, more):
    point, cost = next_on_grid(value)
    assert value <= point <= max(1e-3, value * 1.02 * (1 + 1e-9))
    assert next_on_grid(value + more) >= (point, cost)


def test_the_shares_of_the_grid_points_sum_to_at_most_one():
    points = [0.0, *(1e-3 * 1.02 ** np.arange(2000) * (1 - 1e-9))]
    costs = [next_on_grid(point)[1] for point in points]
    assert len(set(costs)) == len(costs)  # no two points pay from the same share
    assert 0.99 < np.exp(-np.array(costs)).sum() <= 1
