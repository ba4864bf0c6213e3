"""What lists look like, by hand on six people and five items."""

import numpy as np
import polars as pl
import pytest

from conv4rec.data.ids import Ids
from conv4rec.data.interactions import Interactions
from conv4rec.data.levels import Levels
from conv4rec.errors import SettingError
from conv4rec.evaluate import quality_of_lists

# person: {item: rating, None where only consumed}
LOG = [
    {0: 5, 1: 5, 2: 1},
    {0: 5, 1: 4, 2: 1},
    {0: 4, 1: 5, 2: 2},
    {0: 4, 3: None},
    {},
    {0: 3},
]
N_ITEMS = 5
LISTS = np.array([[3, 4], [3, -1], [4, 3], [2, 1], [0, 1], [-1, -1]])


@pytest.fixture
def log():
    cells = [(user, item, r) for user, row in enumerate(LOG) for item, r in row.items()]
    users, items, ratings = zip(*cells, strict=True)
    return Interactions.from_numbers(
        Ids.from_values(pl.Series(range(len(LOG)))),
        Ids.from_values(pl.Series(range(N_ITEMS))),
        Levels.given([1, 2, 3, 4, 5]),
        np.array(users),
        np.array(items),
        np.array([-1 if r is None else r - 1 for r in ratings]),
    )


def test_how_many_get_a_list_and_how_long_it_is(log):
    found = quality_of_lists(LISTS, log, n_ratings=np.array([20, 19, 30, 0, 0, 25]))
    assert found.people == 6
    assert found.with_list == 5 / 6
    assert found.active_without_list == 1 / 3  # of people 0, 2 and 5, the last
    assert found.length == (2 + 1 + 2 + 2 + 2) / 5
    assert (
        quality_of_lists(LISTS, log, n_ratings=np.zeros(6, dtype=int)).active_without_list is None
    )
    assert quality_of_lists(LISTS, log).active_without_list is None


def test_coverage_and_concentration_count_exposure(log):
    """Exposure: items 0 to 4 take 1, 2, 1, 3 and 2 of 9 places."""
    found = quality_of_lists(LISTS, log)
    assert (found.items, found.coverage) == (5, 1.0)
    assert found.top_item == 3 / 5
    assert found.top_five == 1.0
    ascending = [1, 1, 2, 2, 3]
    weighted = sum((2 * (j + 1) - 5 - 1) * x for j, x in enumerate(ascending))
    assert found.gini == pytest.approx(weighted / 9 / 4)


def test_top_five_counts_five_items(log):
    wide = Interactions.from_numbers(
        log.users, Ids.from_values(pl.Series(range(9))), log.levels, np.array([0]), np.array([0])
    )
    found = quality_of_lists(np.array([[0, 1, 2], [3, 4, 5], [0, 1, 6]]), wide)
    assert found.top_five == (2 + 2 + 1 + 1 + 1) / 9
    assert found.coverage == 7 / 9


def test_support_is_counted_in_ratings_not_in_consumption(log):
    """Ratings of items 0 to 4: 5, 3, 3, 0, 0; item 3 was consumed once."""
    found = quality_of_lists(LISTS, log)
    assert found.support == np.median([0, 0, 0, 0, 0, 3, 3, 5, 3])
    assert found.low_support == 8 / 9


def test_a_bad_item_is_a_standard_deviation_below_the_mean(log):
    ratings = np.array([5, 5, 1, 5, 4, 1, 4, 5, 2, 4, 3])
    limit = ratings.mean() - ratings.std(ddof=1)
    assert (1 + 1 + 2) / 3 < limit < (5 + 4 + 5) / 3  # item 2 is bad; 3 and 4 have no ratings
    assert quality_of_lists(LISTS, log).badly_rated == 1 / 9


def test_novelty_is_the_mean_surprise_at_the_item(log):
    """Of five people with a history: consumed by 5, 3, 3, 1 and nobody (who counts as one)."""
    found = quality_of_lists(LISTS, log)
    bits = -np.log2([1 / 5, 1 / 5, 1 / 5, 1 / 5, 1 / 5, 3 / 5, 3 / 5, 5 / 5, 3 / 5])
    assert found.novelty == pytest.approx(bits.mean())


def test_diversity_is_one_minus_the_cosine_of_who_consumed(log):
    """Items 0 and 1 share 3 of 5 and 3 people; 1 and 2 all; 3 and 4 nobody, 4 has nobody."""
    found = quality_of_lists(LISTS, log)
    pairs = [1.0, 1.0, 1 - 3 / 3, 1 - 3 / np.sqrt(5 * 3)]  # the list of one item has no pair
    assert found.diversity == pytest.approx(np.mean(pairs))


def test_diversity_averages_all_pairs_of_a_long_list(log):
    found = quality_of_lists(np.array([[0, 1, 2, 3]]), log)
    cosines = {(0, 1): 3 / 15**0.5, (0, 2): 3 / 15**0.5, (0, 3): 1 / 5**0.5, (1, 2): 1.0}
    assert found.diversity == pytest.approx(1 - sum(cosines.values()) / 6)


def test_overlap_is_what_another_list_shares_on_average(log):
    found = quality_of_lists(LISTS, log)
    shared = {  # of each list's items, in each other list
        0: (1 / 2 + 2 / 2 + 0 + 0),
        1: (1 / 1 + 1 / 1 + 0 + 0),
        2: (2 / 2 + 1 / 2 + 0 + 0),
        3: (0 + 0 + 0 + 1 / 2),
        4: (0 + 0 + 0 + 1 / 2),
    }
    assert found.overlap == pytest.approx(sum(shared.values()) / (5 * 4))


def test_means_over_places_leave_out_the_padding_of_short_lists(log):
    p_like = np.where(LISTS >= 0, 0.5, np.nan)
    p_like[0, 0] = 0.75
    widths, ranks = 2 * p_like, 4 * p_like
    found = quality_of_lists(LISTS, log, p_like=p_like, widths=widths, consume_ranks=ranks)
    assert found.p_like == pytest.approx((8 * 0.5 + 0.75) / 9)
    assert found.interval_width == pytest.approx(2 * (8 * 0.5 + 0.75) / 9)
    assert found.consume_rank == pytest.approx(4 * (8 * 0.5 + 0.75) / 9)
    assert quality_of_lists(LISTS, log).p_like is None


def test_the_same_list_for_everybody_covers_k_items_and_no_more(log):
    found = quality_of_lists(np.tile([0, 3], (6, 1)), log)
    assert found.coverage == 2 / 5
    assert (found.top_item, found.overlap) == (1.0, 1.0)


def test_the_order_of_people_changes_nothing(log, rng):
    items = np.array([rng.permutation(N_ITEMS)[:3] for _ in range(40)])
    items[rng.random(items.shape) < 0.2] = -1
    n_ratings, p_like = rng.integers(0, 40, 40), rng.random(items.shape)
    order = rng.permutation(40)
    first = quality_of_lists(items, log, n_ratings=n_ratings, p_like=p_like)
    second = quality_of_lists(items[order], log, n_ratings=n_ratings[order], p_like=p_like[order])
    assert first.to_dict() == pytest.approx(second.to_dict())


def test_many_people_are_measured_in_blocks(log, rng, monkeypatch):
    items = np.array([rng.permutation(N_ITEMS)[:3] for _ in range(40)])
    whole = quality_of_lists(items, log).diversity
    monkeypatch.setattr("conv4rec.evaluate.diversity._PEOPLE_AT_ONCE", 7)
    assert quality_of_lists(items, log).diversity == pytest.approx(whole)


def test_without_any_list_there_is_nothing_to_measure(log):
    found = quality_of_lists(np.full((3, 2), -1), log, p_like=np.full((3, 2), np.nan))
    assert (found.people, found.with_list, found.items, found.coverage) == (3, 0.0, 0, 0.0)
    rest = {**found.to_dict(), "people": None, "with_list": None, "items": None, "coverage": None}
    assert set(rest.values()) == {None}


def test_values_of_another_shape_are_refused(log):
    with pytest.raises(SettingError, match=r"shape \(6, 2\), and values of their places \(6, 3\)"):
        quality_of_lists(LISTS, log, p_like=np.zeros((6, 3)))
