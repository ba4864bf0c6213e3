"""The rating scale: found, stated or binned, and never left by accident."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conv4rec.data import Interactions
from conv4rec.data.levels import Levels
from conv4rec.errors import DataError, SettingError

HALF_STARS = np.arange(0.5, 5.5, 0.5)


def test_the_levels_are_the_distinct_ratings_in_order():
    levels = Levels.from_ratings(np.array([5, 1, np.nan, 3.5, 5]))
    assert levels.values == (1.0, 3.5, 5.0)
    assert levels.labels == ["1", "3.5", "5"]
    assert levels.numbers(np.array([3.5, np.nan, 5, 1])).tolist() == [1, -1, 2, 0]
    assert levels.numbers(np.array([1.0])).dtype == np.int16


def test_a_log_without_ratings_has_one_level_that_nobody_gave():
    levels = Levels.from_ratings(np.array([np.nan, np.nan]))
    assert levels.values == (1.0,)
    assert levels.numbers(np.array([np.nan])).tolist() == [-1]


def test_one_rating_for_all_is_a_scale_of_one_level():
    levels = Levels.from_ratings(np.array([4.0, 4.0]))
    assert (levels.n_levels, levels.like_level()) == (1, 0)


@given(
    st.lists(st.integers(-300, 300).map(lambda n: n / 7), min_size=25, unique=True),
    st.integers(1, 30),
    st.integers(0, 2**32 - 1),
)
def test_a_real_valued_scale_gets_the_stated_number_of_levels(distinct, n_bins, seed):
    rng = np.random.default_rng(seed)
    ratings = np.repeat(distinct, rng.geometric(0.2, len(distinct)))
    levels = Levels.from_ratings(ratings, n_bins=n_bins)
    numbers = levels.numbers(ratings)
    assert levels.n_levels == min(n_bins, len(distinct))
    counts = np.bincount(numbers, minlength=levels.n_levels)
    assert counts.all()
    order = np.argsort(ratings)
    assert (np.diff(numbers[order]) >= 0).all()
    means = [ratings[numbers == level].mean() for level in range(levels.n_levels)]
    np.testing.assert_allclose(levels.values, means, atol=1e-9)
    assert len(set(levels.labels)) == levels.n_levels


def test_bins_of_a_smooth_scale_are_of_nearly_equal_frequency():
    ratings = np.random.default_rng(0).uniform(-10, 10, 20_000)
    levels = Levels.from_ratings(ratings)
    counts = np.bincount(levels.numbers(ratings))
    assert counts.tolist() == pytest.approx([2000] * 10, abs=1)
    np.testing.assert_allclose(levels.values, np.arange(-9, 10, 2), atol=0.3)


def test_one_huge_tie_takes_one_bin_and_leaves_the_others_even():
    ratings = np.concatenate([np.zeros(10_000), np.arange(1, 901)])
    counts = np.bincount(Levels.from_ratings(ratings).numbers(ratings))
    assert counts.tolist() == [10_000] + [100] * 9


def test_a_tie_goes_to_the_side_where_it_unbalances_least():
    ratings = np.repeat(np.arange(25), [1] * 15 + [10] + [1] * 9)
    levels = Levels.from_ratings(ratings, n_bins=2)
    assert np.bincount(levels.numbers(ratings)).tolist() == [15, 19]


def test_the_outer_bins_are_open_ended():
    levels = Levels.from_ratings(np.linspace(-10, 10, 101))
    assert levels.numbers(np.array([-99.0, 99.0])).tolist() == [0, 9]


def test_a_rating_off_the_scale_is_refused_by_row():
    with pytest.raises(DataError, match=r"rating 7 is not on the scale 1, 2, 3, 4, 5 in rows 2, 4"):
        Levels.given([5, 4, 3, 2, 1]).numbers(np.array([1, 7, np.nan, 2.5]))


@pytest.mark.parametrize("ratings", [[1.0, 1e308], [-1e16, 2.0, 3.0]])
def test_a_rating_that_no_answer_could_hold_is_refused(ratings):
    """Answers are float32, and the mean of 1e308 is infinite in it."""
    with pytest.raises(DataError, match=r"ratings go from -1e\+15 to 1e\+15"):
        Levels.from_ratings(np.array(ratings))
    with pytest.raises(DataError, match="choose another column"):
        Levels.given(ratings)


def test_an_infinite_rating_is_refused_by_row():
    for ask in (Levels.from_ratings, Levels.given([1]).numbers):
        with pytest.raises(DataError, match="infinite in row 2"):
            ask(np.array([1.0, np.inf]))


def test_ratings_read_in_single_precision_are_on_the_scale():
    ratings = np.array([3.6, 0.1], dtype=np.float32)
    assert Levels.given([0.1, 3.6]).numbers(ratings).tolist() == [1, 0]
    assert Levels.from_ratings(ratings).labels == ["0.1", "3.6"]


@pytest.mark.parametrize(
    ("values", "threshold"),
    [(range(1, 6), 4), (HALF_STARS, 4), (range(1, 11), 8), ([0, 1], 1), ([3], 3), (range(21), 15)],
)
def test_the_default_like_threshold_is_three_quarters_up_the_scale(values, threshold):
    levels = Levels.given(list(values))
    assert levels.like_threshold() == threshold
    assert levels.values[levels.like_level()] == threshold


def test_a_stated_like_threshold_moves_up_to_the_next_level():
    levels = Levels.given([1, 2, 3, 4, 5])
    assert (levels.like_threshold(3.2), levels.like_level(3)) == (4.0, 2)
    with pytest.raises(SettingError, match="above the top"):
        levels.like_level(5.1)
    with pytest.raises(SettingError):
        levels.like_level(float("nan"))


@pytest.mark.parametrize("values", [[], [1, np.inf], [np.nan], ["good", "bad"], None])
def test_invalid_levels_are_refused(values):
    with pytest.raises(DataError):
        Levels.given(values)


def test_levels_built_by_hand_are_checked():
    for values, edges in [((2.0, 1.0), None), ((1.0, 2.0), ()), ((1.0, 2.0, 3.0), (2.0, 1.0))]:
        with pytest.raises(DataError):
            Levels(values, edges)


def test_bins_are_counted_from_one():
    with pytest.raises(SettingError):
        Levels.from_ratings(np.array([1.0]), n_bins=0)


@pytest.mark.parametrize(
    ("ratings", "values", "labels"),
    [
        ([0.3, 0.1 + 0.2, 1.0], (0.3, 1.0), ["0.3", "1"]),
        ([-1, 0.1 + 0.2 - 0.3, 1], (-1.0, 0.0, 1.0), ["-1", "0", "1"]),
        (np.array([3.6, 0.1], dtype=np.float32), (0.1, 3.6), ["0.1", "3.6"]),
        ([1, 2, 1e6], (1.0, 2.0, 1e6), ["1", "2", "1e+06"]),
        ([0.0, -0.0, 1], (0.0, 1.0), ["0", "1"]),
    ],
)
def test_numbers_that_differ_by_noise_are_one_level(ratings, values, labels):
    levels = Levels.from_ratings(np.asarray(ratings, dtype=float))
    assert (levels.values, levels.labels) == (values, labels)
    assert levels.numbers(np.asarray(ratings, dtype=float)).min() == 0


def test_stated_levels_have_no_noise_either():
    assert Levels.given(np.arange(-0.5, 0.6, 0.1).tolist()).labels[4:7] == ["-0.1", "0", "0.1"]


def test_noise_makes_no_bins_and_bins_have_no_noise():
    tenths = np.concatenate([np.arange(1, 11) / 10, np.arange(1, 11) * 0.1])
    noisy = np.concatenate([tenths, tenths * (1 + 1e-15), tenths * (1 - 1e-15)])
    assert Levels.from_ratings(noisy).values == tuple(np.arange(1, 11) / 10)
    binned = Levels.from_ratings(np.linspace(-1, 1, 63), n_bins=9)
    assert binned.values[4] == 0


def test_noise_is_reported():
    log = Interactions.from_frame({"user": [1, 1], "item": [1, 2], "rating": [0.3, 0.1 + 0.2]})
    assert "ratings a hair apart are one level: 0.30000000000000004 is 0.3" in log.report.lines()


@pytest.mark.parametrize(
    ("ratings", "is_noted"),
    [
        ([0, 6, 7, 8, 9, 10], True),
        ([0, 0, 0, 0, 1, 2, 3], True),
        ([-1, 1, 2, 3], True),
        ([0, 0, 0, 0, *range(1, 4)] * 2 + list(np.linspace(1, 3, 30)) * 0, True),
        ([0, 1, 2, 3], False),
        ([-1, 1], False),
        ([1, 4, 5], False),
        ([0, 1, 3], False),
    ],
)
def test_a_zero_that_may_mean_not_rated_is_noted(ratings, is_noted):
    frame = {"user": [1] * len(ratings), "item": list(range(len(ratings))), "rating": ratings}
    log = Interactions.from_frame(frame)
    assert ("state unrated=" in str(log.report)) == is_noted
    if is_noted:
        again = Interactions.from_frame(frame, unrated=ratings[0])
        assert again.n_rated == len(ratings) - ratings.count(ratings[0])
        assert min(again.levels.values) > ratings[0]
        assert "state unrated=" not in str(again.report)


def test_a_word_may_mean_not_rated(tmp_path):
    (tmp_path / "r.csv").write_text("user,item,rating\n1,1,NA\n1,2,5\n")
    with pytest.raises(DataError, match=r"'NA' is not a number in row 1.*unrated='NA'"):
        Interactions.from_frame(tmp_path / "r.csv")
    assert Interactions.from_frame(tmp_path / "r.csv", unrated="NA").n_rated == 1
