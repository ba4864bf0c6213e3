"""Validation fits: what they may not see, and what they decide."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from conv4rec.errors import SettingError
from conv4rec.train import TrainSettings
from conv4rec.train.batches import Batches
from conv4rec.train.initialise import new_network
from conv4rec.train.loop import Trainer
from conv4rec.train.objective import losses
from conv4rec.train.schedule import Schedule
from conv4rec.train.selection import (
    FEW_RATINGS,
    ValidationResult,
    best_joint_schedule,
    best_schedule,
    evaluation_steps,
    planned_fits,
    should_stop_early,
    tried_rate_factors,
    tried_reg_factors,
)
from conv4rec.train.state import FitState, LastEvaluations
from conv4rec.train.validation import evaluate_validation, held_out, validation_data


def test_the_held_out_part_has_its_share_and_depends_on_the_seed(mixed):
    first, again, other = (held_out(mixed, 0.1, seed) for seed in (0, 0, 1))
    assert first.sum() == round(0.1 * len(mixed))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_too_few_interactions_are_not_held_out(mixed):
    few = mixed.select(np.arange(len(mixed)) < 100)
    assert not held_out(few, 0.1, seed=0).any()
    assert not held_out(mixed, 0.0, seed=0).any()


def test_a_held_out_rating_changes_the_results_and_nothing_else_of_a_validation_fit(
    mixed, make_fit, with_type
):
    rated = np.flatnonzero(held_out(mixed, 0.1, seed=0) & (mixed.level_numbers >= 0))
    changed = with_type(mixed, rated[:5], 4 - mixed.level_numbers[rated[:5]])
    runs = []
    for log in (mixed, changed):
        steps = []
        fitted = make_fit(
            log,
            consume_reg_factors=(1.0,),
            rate_reg_factors=(1.0,),
            on_progress=lambda *a, s=steps: s.append(a),
        ).run()
        runs.append((steps, fitted.validation_results))
    (steps, results), (other_steps, other_results) = runs
    before = [step for step in steps if step[0].startswith("validation")]
    assert len(before) > 6 + 4  # both sides
    assert before[:10] == other_steps[:10]
    consume, same = (
        [r.consume_nll for r in found if r.consume_nll] for found in (results, other_results)
    )
    assert consume == same  # how soon the rating side stops may differ
    rating, other = (
        [r.rate_nll for r in found if r.rate_nll] for found in (results, other_results)
    )
    assert len(rating) > 4
    assert all(a != b for a, b in zip(rating, other, strict=False))


def test_an_observed_rating_changes_the_validation_fit(mixed, make_fit, with_type):
    observed_entries = np.flatnonzero(~held_out(mixed, 0.1, seed=0) & (mixed.level_numbers >= 0))
    changed = with_type(mixed, observed_entries[:5], 4 - mixed.level_numbers[observed_entries[:5]])
    rating, other = (
        [r.rate_nll for r in make_fit(log).run().validation_results if r.rate_nll]
        for log in (mixed, changed)
    )
    assert rating
    assert all(a != b for a, b in zip(rating, other, strict=False))


def test_of_a_larger_log_users_enough_are_drawn_for_validation(mixed):
    whole = validation_data(mixed, len(mixed), 0.1, seed=0)
    assert whole.interactions is mixed
    assert np.array_equal(whole.masked, held_out(mixed, 0.1, seed=0))
    some = validation_data(mixed, 200, 0.2, seed=0)
    longest = np.diff(mixed.starts).max()
    assert 200 <= len(some.interactions) <= 200 + longest
    assert some.masked.sum() == round(0.2 * len(some.interactions))
    users = some.interactions.users.to_series()
    numbers = mixed.users.numbers(users)
    assert some.interactions.to_frame().equals(mixed.take_users(numbers).to_frame())
    other = validation_data(mixed, 200, 0.2, seed=1).interactions
    assert not other.users.to_series().equals(users)
    assert len(some.observed()) == len(some.interactions) - some.masked.sum()
    assert (some.history().observed == 0).sum() == some.masked.sum()


def test_a_quarter_of_a_log_is_drawn_at_least(mixed, make_fit):
    """On a sixteenth, the consume side of 4 million rows stopped early and SLIM was left out."""
    consume, rating = make_fit(mixed, validation_size=20)._session().validation
    assert len(mixed) / 4 <= len(consume.interactions) < len(mixed) / 3
    assert len(mixed) / 10 <= rating.interactions.n_rated < len(mixed) / 8


def test_ratings_are_counted_alone_where_ratings_are_chosen_by(mixed):
    some = validation_data(mixed, 100, 0.2, seed=0, rated=True).interactions
    assert mixed.n_rated < len(mixed)
    assert 100 <= some.n_rated <= 100 + np.diff(mixed.starts).max()
    assert len(some) > some.n_rated


def test_validation_fits_are_trained_on_the_users_drawn(mixed, make_fit):
    """Another rating of a user who was not drawn changes no loss of the validation fits."""
    settings = {"validation_size": 400, "rate_reg_factors": (1.0,)}  # more than a quarter
    drawn = validation_data(mixed, 160, 0.1, seed=0, rated=True).interactions
    rated_users = mixed.user_numbers[mixed.level_numbers >= 0]
    known = mixed.users.numbers(drawn.users.to_series())
    outside = np.setdiff1d(rated_users, known)[0]
    entry = np.flatnonzero((mixed.user_numbers == outside) & (mixed.level_numbers >= 0))[0]
    levels = mixed.level_numbers.copy()
    levels[entry] = 4 - levels[entry] if levels[entry] != 2 else 0
    changed = replace(mixed, level_numbers=levels)
    of_ratings = [
        [r.rate_nll for r in make_fit(log, **settings).run().validation_results if r.rate_nll]
        for log in (mixed, changed)
    ]
    assert of_ratings[0] == of_ratings[1] != []


def test_of_a_large_log_some_users_are_evaluated_and_the_scores_of_all_are_kept(mixed, monkeypatch):
    cells = 20 * mixed.n_items
    monkeypatch.setattr("conv4rec.train.validation.EVALUATED_CELLS", cells)
    settings = TrainSettings(n_steps=6, softmax_cells=cells)
    trainer = Trainer(
        new_network(mixed, {"consume_size": 8, "rate_size": 4}, settings, seed=0),
        Batches.from_interactions(mixed), settings, Schedule((6, 6)), seed=0,
    )  # fmt: skip
    masked = torch.from_numpy(~held_out(mixed, 0.3, 0)).float()
    validation, state = replace(trainer.batches.whole, observed=masked), FitState()
    found = evaluate_validation(trainer, validation, state)
    some = validation.of_rows(validation.rows_to_score(cells))
    assert len(some.pattern.row_starts) - 1 <= 20
    with torch.no_grad():
        encoding = trainer.network.encode(some, trainer.item_side())
        expected = losses(trainer.network, encoding, some, settings).consume
    assert found.consume_nll == pytest.approx(float(expected), rel=1e-5)
    assert state.best.consume is not None
    assert len(state.best.consume.users) == mixed.n_users


def test_a_log_without_ratings_is_fitted_without_rating_steps_and_item_side(mixed, make_fit):
    seen, log = [], replace(mixed, level_numbers=np.full_like(mixed.level_numbers, -1), rows=None)
    fitted = make_fit(log, on_progress=lambda *a: seen.append(a)).run()
    assert max(p.step for name, *_, p in seen if name == "validation fit 1") == 6
    assert not fitted.trained.two_sided
    assert fitted.model.network.rate_out.isfinite().all()


@pytest.mark.parametrize("n_steps", [1, 5, 12, 13, 100])
def test_evaluations_are_spread_over_the_steps_and_end_with_the_last(n_steps):
    steps = evaluation_steps((n_steps, n_steps), n_steps)
    assert steps[-1] == n_steps
    assert steps == sorted(set(steps))
    assert 0 < steps[0] <= max(1, n_steps / 10)


@pytest.mark.parametrize("last_steps", [(60, 210), (7, 24), (100, 200), (10, 3)])
def test_all_fits_are_evaluated_at_the_same_steps_and_at_the_last_of_each_task(last_steps):
    whole = evaluation_steps(last_steps, max(last_steps))
    assert set(last_steps) <= set(whole)
    consume_alone = evaluation_steps(last_steps, last_steps[0])
    assert consume_alone == [step for step in whole if step <= last_steps[0]]


def test_each_task_takes_its_own_best_penalty_and_step():
    results = [
        ValidationResult(1.0, 4, 5.0, None, 1.0),
        ValidationResult(0.3, 4, 4.0, None, 1.0),
        ValidationResult(0.3, 6, 4.5, None, 1.0),
        ValidationResult(1.0, 4, None, 1.2, 1.0),
        ValidationResult(1.0, 6, None, 1.0, 1.0),
        ValidationResult(1.0, 9, None, 1.001, 1.0),  # hardly worse
        ValidationResult(1.0, 12, None, 1.01, 1.0),
        ValidationResult(1.0, 12, None, 1.001, 0.4),
    ]
    unknown = Schedule((6, 12), (2.0, 0.2))
    assert best_schedule(results, unknown) == Schedule((4, 9), (0.3, 1.0))
    assert best_schedule(results[:3], unknown) == Schedule((4, 12), (0.3, 0.2))
    assert best_schedule(results[3:], unknown) == Schedule((6, 9), (2.0, 1.0))


def test_tasks_that_share_an_encoder_stop_at_one_step_of_one_validation_fit():
    validation_results = [
        ValidationResult(1.0, 5, 5.0, 1.3, 0.4),
        ValidationResult(0.3, 5, 5.1, 1.2, 1.0),
        ValidationResult(0.3, 9, None, 0.1, 1.0),  # the consume side has ended: its loss is unknown
        ValidationResult(2.0, 9, float("nan"), 1.0, 1.0),
    ]
    assert best_joint_schedule(validation_results, 0.5) == Schedule((5, 5), (1.0, 0.4))
    assert best_joint_schedule(validation_results, 2.0) == Schedule((5, 5), (0.3, 1.0))
    with pytest.raises(SettingError, match="learning_rate"):
        best_joint_schedule(validation_results[2:], 1.0)


def test_the_final_fit_has_the_best_schedule_of_the_validation_fits(mixed, make_fit):
    fitted = make_fit(mixed).run()
    results = fitted.validation_results
    assert fitted.schedule == best_schedule(results, Schedule((6, 12)))
    first = [r for r in results if r.rate_nll is None and r.reg_factor == 1.0]
    assert [r.step for r in first] == list(range(1, 7))
    rating = [r for r in results if r.rate_factor == 0.4]
    assert [r.step for r in rating] == evaluation_steps((6, 12), 12)[: len(rating)]
    assert all(r.consume_nll is None and r.rate_nll for r in rating)
    without = make_fit(mixed, consume_reg_factors=()).run()
    assert without.validation_results == []
    assert without.schedule.stops == (6, 12)


def test_each_validation_fit_trains_one_task(mixed, make_fit):
    factors = {"consume_reg_factors": (1.0, 0.3), "rate_reg_factors": (0.4,)}
    seen = []
    make_fit(mixed, **factors, on_progress=lambda *a: seen.append(a)).run()
    losses = {
        name: ({p.consume_nll > 0 for n, *_, p in seen if n == name},
               {p.rate_nll > 0 for n, *_, p in seen if n == name})
        for name in ("validation fit 1", "validation fit 2", "validation fit 3", "final fit")
    }  # fmt: skip
    assert losses["validation fit 1"] == losses["validation fit 2"] == ({True}, {False})
    assert losses["validation fit 3"] == ({False}, {True})
    assert True in losses["final fit"][0]
    assert True in losses["final fit"][1]


def test_both_tasks_are_trained_together_where_one_depends_on_the_other(mixed):
    settings = TrainSettings(n_steps=6, rate_steps_ratio=2.0, rate_reg_factors=(0.4,))
    together = planned_fits(mixed, settings, together=True)
    assert together == tuple(
        Schedule((6, 12), factors) for factors in ((1.0, 0.4), (0.4, 1.0), (2.0, 1.0))
    )
    assert not planned_fits(mixed, settings.with_changes(consume_reg_factors=()), together=False)


def test_rating_penalties_are_tried_where_ratings_are_few(mixed):
    factors = (0.4, 1.0, 0.2)
    assert tried_rate_factors(mixed, factors) == factors
    assert tried_rate_factors(mixed, ()) == ()
    sizes = {"n_rated": FEW_RATINGS + 1, "n_users": 100}
    assert tried_rate_factors(SimpleNamespace(**sizes, n_items=100), factors) == (0.4, 1.0)
    assert tried_rate_factors(SimpleNamespace(**sizes, n_items=1_000_000), factors) == (0.4,)
    assert tried_rate_factors(SimpleNamespace(n_rated=0, n_users=9, n_items=9), factors) == ()


@pytest.mark.parametrize(
    ("n_items", "factors"), [(10, (1.0, 0.4, 2.0)), (10**5, (1.0, 0.4)), (10**6, (1.0, 0.05))]
)
def test_of_larger_logs_fewer_penalties_are_tried_and_of_the_largest_two_far_apart(
    n_items, factors
):
    log = SimpleNamespace(n_users=100, n_items=n_items)
    assert tried_reg_factors(log, (1.0, 0.4, 2.0)) == factors
    assert tried_reg_factors(log, (0.4,)) == (0.4,)


def test_a_consume_side_ends_once_it_is_behind():
    def results(step, consume_nll):
        earlier = [ValidationResult(1.0, step, 5.0, None)]
        return [*earlier, ValidationResult(2.0, step, consume_nll, None)]

    schedule = Schedule((10, 0))
    assert should_stop_early(results(6, 5.01), schedule)
    assert not should_stop_early(results(6, 5.001), schedule)  # near it
    assert not should_stop_early(results(4, 5.01), schedule)  # too early to tell
    assert not should_stop_early(results(6, 5.01)[1:], schedule)  # no other is known at this step


def test_a_rating_side_ends_once_it_overfits():
    def results(*losses, consume=None):
        return [ValidationResult(1.0, 6, consume, nll) for nll in losses]

    schedule = Schedule((0, 20))
    assert should_stop_early(results(1.0, 1.02), schedule)
    assert not should_stop_early(results(1.0, 1.005), schedule)  # it may recover
    assert not should_stop_early(results(1.0, 1.5, 1.4), schedule)  # it gets better
    other = ValidationResult(1.0, 6, None, 1.2, 0.4)  # the first of another penalty
    assert not should_stop_early([*results(1.0), other], schedule)
    both = Schedule((10, 20))
    assert not should_stop_early(results(1.0, 1.02, consume=5.0), both)  # the other side does not
    behind = [*results(1.0, consume=5.0), *results(1.02, consume=5.1)]
    assert should_stop_early(behind, both)


def test_only_the_last_evaluations_are_kept():
    last = LastEvaluations()
    for step in (1, 2, 10):
        last.rating_logits.append(torch.full((1,), float(step)))
        last.forget(2)
    assert [int(logits) for logits in last.rating_logits] == [2, 10]


def test_a_fit_that_diverged_is_never_chosen():
    diverged = ValidationResult(1.0, 2, float("nan"), float("nan"))
    other = ValidationResult(2.0, 2, 7.0, 2.0, 0.4)
    unknown = Schedule((2, 2))
    assert best_schedule([diverged, other], unknown).reg_factors == (2.0, 0.4)
    with pytest.raises(SettingError, match="learning_rate"):
        best_schedule([diverged], unknown)


def test_selection_can_weight_ratings_of_unlikely_items(mixed, make_fit):
    """The losses that choose the rating side's stop differ; those of the other side hardly do."""
    plain, weighted = (
        [r for r in make_fit(mixed, propensity_validation=p).run().validation_results
         if r.reg_factor == 1.0]
        for p in (0.0, 1.0)
    )  # fmt: skip
    consume, other = (
        [r.consume_nll for r in found if r.consume_nll] for found in (plain, weighted)
    )
    assert consume == pytest.approx(other, rel=1e-4)  # they share two shrinkages
    rating, other = (
        {(r.rate_factor, r.step): r.rate_nll for r in found if r.rate_nll}
        for found in (plain, weighted)
    )
    both = rating.keys() & other.keys()
    assert both
    assert all(rating[step] != other[step] for step in both)
