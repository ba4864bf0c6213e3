"""Validation fits: what they may not see, and what they decide."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from conv4rec.errors import SettingError
from conv4rec.evaluate.ranking import hits, ndcg, top_k
from conv4rec.model import History
from conv4rec.model.sparse import SparsePattern
from conv4rec.train import TrainSettings, validation
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
    n_rating_fits,
    should_stop_early,
    tried_reg_factors,
)
from conv4rec.train.state import FitState, LastEvaluations
from conv4rec.train.validation import evaluate_validation, held_out, masked_ndcg


def test_the_held_out_part_has_its_share_and_depends_on_the_seed(mixed):
    first, again, other = (held_out(mixed, 0.1, seed) for seed in (0, 0, 1))
    assert first.sum() == round(0.1 * len(mixed))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_too_few_interactions_are_not_held_out(mixed):
    few = mixed.select(np.arange(len(mixed)) < 100)
    assert not held_out(few, 0.1, seed=0).any()
    assert not held_out(mixed, 0.0, seed=0).any()


def test_of_many_interactions_those_of_some_users_are_held_out(mixed, make_fit, monkeypatch):
    """And these users alone are evaluated."""
    monkeypatch.setattr(validation, "MOST_HELD_OUT", 40)
    out = held_out(mixed, 0.1, seed=0)
    assert out.sum() == 40
    users = np.unique(mixed.user_numbers[out])
    lengths = np.diff(mixed.starts)
    assert lengths[users].sum() <= 400 + lengths.max() < len(mixed)
    session = make_fit(mixed)._session()
    assert np.array_equal(session.masked, out)
    history = session.validation_history()
    assert history.pattern.shape[0] == len(users)
    assert (history.observed == 0).sum() == 40
    found = session.interactions.take_users(users).item_numbers
    assert np.array_equal(history.pattern.columns.numpy(), found)


def test_a_held_out_rating_changes_the_results_and_nothing_else_of_a_validation_fit(
    mixed, make_fit, with_type
):
    rated = np.flatnonzero(held_out(mixed, 0.1, seed=0) & (mixed.level_numbers >= 0))
    changed = with_type(mixed, rated[:5], 4 - mixed.level_numbers[rated[:5]])
    runs = []
    for log in (mixed, changed):
        steps = []
        fitted = make_fit(
            log, consume_reg_factors=(1.0,), on_progress=lambda *a, s=steps: s.append(a)
        ).run()
        runs.append((steps, fitted.validation_results))
    (steps, validation_results), (other_steps, other_results) = runs
    assert steps[:6] == other_steps[:6]
    assert all(step[0] == "validation fit 1" for step in steps[:6])
    assert [c.consume_nll for c in validation_results] == [c.consume_nll for c in other_results]
    assert all(
        a.rate_nll != b.rate_nll for a, b in zip(validation_results, other_results, strict=True)
    )


def test_an_observed_rating_changes_the_validation_fit(mixed, make_fit, with_type):
    observed_entries = np.flatnonzero(~held_out(mixed, 0.1, seed=0) & (mixed.level_numbers >= 0))
    changed = with_type(mixed, observed_entries[:5], 4 - mixed.level_numbers[observed_entries[:5]])
    validation_results, others = (
        make_fit(log, consume_reg_factors=(1.0,)).run().validation_results
        for log in (mixed, changed)
    )
    assert all(a.rate_nll != b.rate_nll for a, b in zip(validation_results, others, strict=True))


def test_of_a_large_log_some_users_are_evaluated_and_the_scores_of_all_are_kept(mixed):
    settings = TrainSettings(n_steps=6, batch_cells=20 * mixed.n_items)
    trainer = Trainer(
        new_network(mixed, {"consume_size": 8, "rate_size": 4}, settings, seed=0),
        Batches.from_interactions(mixed), settings, Schedule((6, 6)), seed=0,
    )  # fmt: skip
    masked = torch.from_numpy(~held_out(mixed, 0.3, 0)).float()
    validation, state = replace(trainer.batches.whole, observed=masked), FitState()
    found = evaluate_validation(trainer, validation, state)
    some = validation.of_rows(validation.rows_to_score(settings.batch_cells))
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


def test_each_task_takes_its_own_best_step_and_penalty(mixed, make_fit):
    factors = {"consume_reg_factors": (1.0, 0.3), "rate_reg_factors": (1.0, 0.4)}
    validation_results = make_fit(mixed, **factors).run().validation_results
    apart = [replace(c, consume_nll=9.0, rate_nll=9.0) for c in validation_results]
    apart[2] = replace(apart[2], consume_nll=4.0)
    apart[-1] = replace(apart[-1], rate_nll=1.0, consume_nll=None)
    schedule = best_schedule(apart)
    assert schedule.stops == (apart[2].step, apart[-1].step)
    assert schedule.reg_factors == (1.0, 0.4)
    assert (apart[2].reg_factor, apart[-1].rate_factor) == (1.0, 0.4)


def test_tasks_that_share_an_encoder_stop_at_one_step_of_one_validation_fit():
    validation_results = [
        ValidationResult(1.0, 5, 5.0, 1.3, 0.1, 0.4),
        ValidationResult(0.3, 5, 5.1, 1.2, 0.1, 1.0),
        ValidationResult(
            0.3, 9, None, 0.1, None, 1.0
        ),  # the consume side has ended: its loss is unknown
        ValidationResult(2.0, 9, float("nan"), 1.0, 0.1, 1.0),
    ]
    assert best_joint_schedule(validation_results, 0.5) == Schedule((5, 5), (1.0, 0.4))
    assert best_joint_schedule(validation_results, 2.0) == Schedule((5, 5), (0.3, 1.0))
    with pytest.raises(SettingError, match="learning_rate"):
        best_joint_schedule(validation_results[2:], 1.0)


def test_the_final_fit_has_the_best_schedule_of_the_validation_fits(mixed, make_fit):
    fitted = make_fit(mixed).run()
    assert fitted.schedule == best_schedule(fitted.validation_results)
    first = [r for r in fitted.validation_results if r.rate_factor == 1.0]
    assert [r.step for r in first] == evaluation_steps((6, 12), 12)[: len(first)]
    assert len(first) > 10
    assert [r.consume_nll is None for r in first] == [r.step > 6 for r in first]
    without = make_fit(mixed, consume_reg_factors=()).run()
    assert without.validation_results == []
    assert without.schedule.stops == (6, 12)


def test_a_validation_fit_ends_early_only_when_both_sides_are_done():
    def result(step, rate_nll):
        return ValidationResult(1.0, step, 5.0, rate_nll, 0.1)

    assert not should_stop_early(
        [result(5, 1.0), result(9, 1.5)], n_steps=10
    )  # the consume side is not
    assert not should_stop_early([result(5, 1.0), result(10, 1.005)], n_steps=10)  # it may recover
    assert should_stop_early([result(5, 1.0), result(10, 1.5)], n_steps=10)


def test_a_validation_fit_far_behind_an_earlier_one_at_both_tasks_ends_early():
    """From half-way on, the consume losses of one step may be compared."""

    def results(step, consume_nll, rate_nll=1.5, rate_before=1.4):
        earlier = [ValidationResult(1.0, 4, 6.0, 1.0, 0.1), ValidationResult(1.0, 6, 5.0, 1.0, 0.1)]
        before = ValidationResult(2.0, step - 1, consume_nll, rate_before, 0.1)
        return [*earlier, before, ValidationResult(2.0, step, consume_nll, rate_nll, 0.1)]

    assert should_stop_early(results(6, 5.1), n_steps=10)
    assert not should_stop_early(results(6, 5.04), n_steps=10)  # near it
    assert not should_stop_early(
        results(6, 5.1, rate_nll=1.0), n_steps=10
    )  # ratings are predicted well
    assert not should_stop_early(
        results(6, 5.1, rate_before=1.6), n_steps=10
    )  # and here better at each step
    assert not should_stop_early(results(4, 6.1), n_steps=10)  # too early to tell
    assert not should_stop_early(
        results(8, 5.1), n_steps=10
    )  # no other result is known at this step


def test_a_validation_fit_beyond_the_rating_penalties_trains_the_consume_side_alone(
    mixed, make_fit
):
    factors = {"consume_reg_factors": (1.0, 0.3), "rate_reg_factors": (0.4,)}
    seen = []
    fitted = make_fit(mixed, **factors, on_progress=lambda *a: seen.append(a)).run()
    second = [r for r in fitted.validation_results if r.reg_factor == 0.3]
    assert second
    assert all(r.rate_nll is None and r.consume_nll is not None for r in second)
    assert all(p.rate_nll == 0 for name, *_, p in seen if name == "validation fit 2")
    assert fitted.schedule.reg_factors[1] == 0.4
    # Its consume side is that of a fit of both tasks: they share two shrinkages alone.
    both = make_fit(mixed, **{**factors, "rate_reg_factors": (0.4, 0.4)}).run().validation_results
    expected = [r.consume_nll for r in both if r.reg_factor == 0.3 and r.consume_nll]
    assert [r.consume_nll for r in second] == pytest.approx(expected[: len(second)], rel=1e-4)


def test_rating_penalties_are_tried_where_ratings_are_few(mixed):
    assert n_rating_fits(mixed, (0.4, 1.0, 0.2)) == 3
    assert n_rating_fits(mixed, ()) == 1
    sizes = {"n_rated": FEW_RATINGS + 1, "n_users": 100}
    assert n_rating_fits(SimpleNamespace(**sizes, n_items=100), (0.4, 1.0, 0.2)) == 2
    assert n_rating_fits(SimpleNamespace(**sizes, n_items=1_000_000), (0.4, 1.0, 0.2)) == 1


@pytest.mark.parametrize(
    ("n_items", "factors"), [(10, (1.0, 0.4, 2.0)), (10**5, (1.0, 0.4)), (10**6, (1.0, 0.05))]
)
def test_of_larger_logs_fewer_penalties_are_tried_and_of_the_largest_two_far_apart(
    n_items, factors
):
    log = SimpleNamespace(n_users=100, n_items=n_items)
    assert tried_reg_factors(log, (1.0, 0.4, 2.0)) == factors
    assert tried_reg_factors(log, (0.4,)) == (0.4,)


def test_a_consume_side_that_trains_alone_ends_once_it_is_behind():
    def results(step, consume_nll):
        earlier = [ValidationResult(1.0, step, 5.0, 1.0, 0.1)]
        return [*earlier, ValidationResult(2.0, step, consume_nll, None, 0.1)]

    assert should_stop_early(results(6, 5.01), n_steps=10)
    assert not should_stop_early(results(6, 5.001), n_steps=10)  # near it
    assert not should_stop_early(results(4, 5.01), n_steps=10)  # too early to tell


def test_only_the_last_evaluations_are_kept():
    last = LastEvaluations()
    for step in (1, 2, 10):
        last.rating_logits.append(torch.full((1,), float(step)))
        last.forget(2)
    assert [int(logits) for logits in last.rating_logits] == [2, 10]


def test_a_fit_that_diverged_is_never_chosen():
    diverged = ValidationResult(1.0, 1, float("nan"), float("nan"), 0.9)
    assert best_schedule([diverged, ValidationResult(2.0, 2, 7.0, 2.0, 0.1)]).stops == (2, 2)
    with pytest.raises(SettingError, match="learning_rate"):
        best_schedule([diverged])


def test_the_ndcg_of_masked_items_is_that_of_evaluate(rng):
    n_users, n_items = 12, 60
    consumed = rng.random((n_users, n_items)) < 0.5
    consumed[3] = False  # this user has no masked item
    users, items = np.nonzero(consumed)
    observed_entries = rng.random(len(users)) < 0.6
    starts = np.concatenate([[0], np.cumsum(consumed.sum(1))])
    pattern = SparsePattern(torch.from_numpy(starts), torch.from_numpy(items), n_items)
    observed = torch.from_numpy(observed_entries).float()
    history = History(pattern, torch.zeros(len(users), dtype=torch.long), observed)
    vectors, others, bias = (torch.from_numpy(rng.standard_normal(size)).float()
                             for size in ((n_users, 4), (n_items, 4), n_items))  # fmt: skip

    scores = (vectors @ others.T + bias).numpy()
    scores[users[observed_entries], items[observed_entries]] = -np.inf
    relevant = np.zeros_like(consumed)
    relevant[users[~observed_entries], items[~observed_entries]] = True
    values = ndcg(hits(top_k(scores, 20), relevant), relevant.sum(1))
    expected = float(np.nanmean(values))
    assert masked_ndcg(vectors, others, bias, history) == pytest.approx(expected, rel=1e-6)


def test_selection_can_weight_ratings_of_unlikely_items(mixed, make_fit):
    """The consume side is the same; the losses that choose the rating side's stop are not."""
    plain, weighted = (
        make_fit(mixed, propensity_validation=p).run().validation_results for p in (0.0, 1.0)
    )
    assert [c.consume_nll for c in plain] == [c.consume_nll for c in weighted]
    assert all(a.rate_nll != b.rate_nll for a, b in zip(plain, weighted, strict=True))
