"""Checks that a recommender keeps the contract of the evaluator: for our models and for yours.

In a test, with any test runner:

    from conv4rec.testing import check_recommender

    def test_mine_keeps_the_contract():
        check_recommender(lambda: MyRecommender())
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from conv4rec.data import Interactions
from conv4rec.data.synthetic import low_rank_world
from conv4rec.errors import Conv4RecError

TOLERANCE = 1e-3
"""How far from one the sum of float32 probabilities may lie."""


@dataclass(frozen=True, eq=False)
class _Answers:
    """What a scorer says of some rows: all items, and the same items in pairs."""

    scores: np.ndarray | None
    log_p: np.ndarray | None
    probabilities: np.ndarray | None
    expected: np.ndarray | None

    @classmethod
    def of(cls, model: Any, given: Interactions, rows: np.ndarray) -> _Answers:
        """Ask for every item of each row; pairs are users x items."""
        users = np.repeat(rows, given.n_items)
        items = np.tile(np.arange(given.n_items), len(rows))
        shape = (len(rows), given.n_items)
        expected = model.expected_ratings(given, users, items)
        probabilities = model.rating_probabilities(given, users, items)
        return cls(
            model.rank_scores(given, rows),
            model.rank_log_probabilities(given, rows),
            None if probabilities is None else probabilities.reshape(*shape, -1),
            None if expected is None else expected.reshape(shape),
        )

    def parts(self) -> dict[str, np.ndarray]:
        """The answers that the model has, by the name of the method."""
        named = {
            "rank_scores": self.scores,
            "rank_log_probabilities": self.log_p,
            "rating_probabilities": self.probabilities,
            "expected_ratings": self.expected,
        }
        return {name: answer for name, answer in named.items() if answer is not None}


def check_recommender(make: Callable[[], Any], *, new_users: bool = True) -> None:
    """Check any object with the methods of `conv4rec.evaluate.Scorer` and `fit`.

    `fit(train, validation=None, seed=0)` returns the fitted object. The logs are small and
    synthetic. A method may answer None throughout: the recommender has no such part. Checked:
    the same seed gives the same answers, `fit` and questions leave the log as it was, answers
    have their shape and are finite, probabilities are in [0, 1] and sum to one, rows are
    answered in the order asked and alone as together, a history brings the same answers from
    another log, and a user without a history, a single user and a log without ratings are
    answered or refused with an error of `conv4rec.errors`.

    Args:
        make: makes an object that is not fitted.
        new_users: whether histories that were not in training must be answered; with False they
            may be refused with an error of `conv4rec.errors`.

    Raises:
        AssertionError: A check fails: says which, and what was expected.
    """
    log = _log()
    model = make()
    before = _copy_of(log)
    fitted = model.fit(log, seed=0)
    assert fitted is not None, "fit must return the fitted recommender; it returned None"
    answers = _Answers.of(fitted, log, np.arange(log.n_users))
    assert answers.parts(), "every method answers None: a recommender must rank or rate"
    _check_unchanged(log, before)
    _check_answers(answers, log)
    _check_seed(make, log, answers)
    _check_rows(fitted, log, answers)
    _check_new_users(fitted, log, answers, new_users)
    _check_empty_history(fitted, log)
    _check_odd_logs(make, log)


def _log() -> Interactions:
    """40 users, 25 items, 5 levels; a fifth of the interactions are not rated."""
    rng = np.random.default_rng(3)
    log = low_rank_world(40, 25, popularity=0.7, seed=3).sample(9, rng)
    unrated = rng.random(len(log)) < 0.2
    levels = np.where(unrated, -1, log.level_numbers).astype(np.int16)
    return replace(log, level_numbers=levels, rows=None)


def _copy_of(log: Interactions) -> dict[str, np.ndarray]:
    return {name: getattr(log, name).copy() for name in ("starts", "item_numbers", "level_numbers")}


def _check_unchanged(log: Interactions, before: dict[str, np.ndarray]) -> None:
    for name, array in before.items():
        same = np.array_equal(getattr(log, name), array)
        assert same, f"fit or a question changed {name} of the log: it must be left as it was"


def _check_answers(answers: _Answers, log: Interactions) -> None:
    shapes = {"rating_probabilities": (log.n_users, log.n_items, log.n_levels)}
    for name, found in answers.parts().items():
        shape = shapes.get(name, (log.n_users, log.n_items))
        assert found.shape == shape, f"{name} has shape {found.shape} instead of {shape}"
        assert not np.isnan(found).any(), f"{name} holds NaN"
    seen = log.to_csr().toarray() > 0
    if answers.scores is not None:
        unseen = answers.scores[~seen]
        assert np.isfinite(unseen).all(), "rank_scores must be finite outside the history"
    if answers.log_p is not None:
        wrong = f"{int((answers.log_p[seen] > -np.inf).sum())} items of histories have not"
        assert (answers.log_p[seen] == -np.inf).all(), f"log P(i) must be -inf there, {wrong}"
        _check_sums("rank_log_probabilities", np.exp(answers.log_p))
    if answers.probabilities is not None:
        _check_sums("rating_probabilities", answers.probabilities)
    if answers.expected is not None:
        low, high = log.levels.values[0], log.levels.values[-1]
        inside = (answers.expected >= low - TOLERANCE) & (answers.expected <= high + TOLERANCE)
        assert inside.all(), f"expected_ratings must be on the scale, from {low:g} to {high:g}"


def _check_sums(name: str, p: np.ndarray) -> None:
    assert ((p >= 0) & (p <= 1 + TOLERANCE)).all(), f"{name} must be probabilities, in [0, 1]"
    off = float(np.abs(p.sum(-1) - 1).max())
    assert off <= TOLERANCE, f"{name} must sum to one; a sum is off by {off:.3g}"


def _check_seed(make: Callable[[], Any], log: Interactions, answers: _Answers) -> None:
    again = _Answers.of(make().fit(log, seed=0), log, np.arange(log.n_users)).parts()
    for name, found in answers.parts().items():
        same = np.array_equal(again[name], found)
        assert same, f"{name} must be the same when fitted again with the same seed"


def _check_rows(model: Any, log: Interactions, answers: _Answers) -> None:
    for rows in (np.array([5, 0, 5]), np.array([7])):
        _check_close(_Answers.of(model, log, rows), answers, rows, f"asked for rows {rows}")


def _check_new_users(model: Any, log: Interactions, answers: _Answers, needed: bool) -> None:
    """Histories in other rows of another log: answers must follow the history, not the row."""
    rows = np.array([3, 11])
    others = log.take_users(rows)
    try:
        found = _Answers.of(model, others, np.arange(2))
    except Conv4RecError as error:
        if needed:
            wrong = f"histories of new users must be answered; refused: {error}"
            raise AssertionError(wrong) from error
        return
    _check_close(found, answers, rows, "given the histories of two users in another log")


def _check_close(found: _Answers, all_rows: _Answers, rows: np.ndarray, when: str) -> None:
    wanted = all_rows.parts()
    for name, part in found.parts().items():
        close = np.allclose(part, wanted[name][rows], rtol=1e-3, atol=1e-5)
        assert close, f"{name} differs from its answers for the whole log when {when}"


def _check_empty_history(model: Any, log: Interactions) -> None:
    without = log.select(np.zeros(len(log), dtype=bool)).take_users(np.array([0]))
    _answered_or_refused(lambda: _Answers.of(model, without, np.array([0])), "an empty history")


def _check_odd_logs(make: Callable[[], Any], log: Interactions) -> None:
    unrated = replace(log, level_numbers=np.full_like(log.level_numbers, -1))
    for what, odd in (("one user", log.take_users(np.array([0]))), ("no ratings", unrated)):
        _answered_or_refused(
            lambda odd=odd: _Answers.of(make().fit(odd, seed=0), odd, np.array([0])),
            f"a log of {what}",
        )


def _answered_or_refused(ask: Callable[[], _Answers], what: str) -> None:
    try:
        found = ask()
    except Conv4RecError:
        return
    except Exception as error:
        raise AssertionError(
            f"{what} must be answered, or refused with an error of conv4rec.errors; "
            f"got {type(error).__name__}: {error}"
        ) from error
    for name, part in found.parts().items():
        assert not np.isnan(part).any(), f"{name} holds NaN for {what}"
