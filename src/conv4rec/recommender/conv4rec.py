"""One model for both questions of a ratings log."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from itertools import chain
from typing import Any

import polars as pl

from conv4rec.checks import check_count
from conv4rec.data import Interactions, read_table
from conv4rec.errors import NotFittedError, SettingError
from conv4rec.recommender.configuration import Options, check_device
from conv4rec.recommender.discovery import CONFIDENCE, NOVELTY, DiscoveryCriteria, check_confidence
from conv4rec.recommender.explanation import Explained, check_explained, explained
from conv4rec.recommender.inspection import kernel_table, similar_items
from conv4rec.recommender.list_request import (
    ListRequest,
    allowed_items,
    check_criteria,
    check_switch,
)
from conv4rec.recommender.list_scores import UNCERTAIN_LISTS, ListSpec, Norms, Order, norms_of
from conv4rec.recommender.lists import Lists
from conv4rec.recommender.pairs import numbers_of, pair_columns
from conv4rec.recommender.parameters import Parameters, html_table
from conv4rec.recommender.persistence import load_model, save_model
from conv4rec.recommender.profile import Profile, profile_of
from conv4rec.recommender.scoring import Scoring
from conv4rec.recommender.surroundings import anywhere, each_anywhere
from conv4rec.recommender.user_histories import Users, fallback_column, histories_of
from conv4rec.train import Fit, Fitted, TrainSettings
from conv4rec.train.fit import OnProgress


class Conv4Rec(Parameters):
    """Predicts what each user consumes next, how they rate it, and which items are discoveries.

    For every user and item: `p_consume` = P(i | history), the probability that the next item
    the user consumes is i (it sums to 1 over the items not in the history);
    `p_rating_<level>` = P(level | i, history), the probability of each rating if they consume
    it; `expected_rating`; and `p_like`, the probability of a rating at the like threshold or
    above.

    An implementation from the abstract of Ledent, Kasalický, Alves & Lauw, "Conv4Rec" (IEEE
    TNNLS 2025, arXiv 2509.07499), not the authors' code.

    Parameters are stored as given and checked by `fit`. `get_params`, `set_params` and
    `sklearn.base.clone` work as for any estimator of scikit-learn.

    Args:
        preset: "default", the best settings known, or "paper", the closest to the abstract.
        seed: of every random draw. The same seed, machine and thread count give the same model,
            bit for bit.
        device: "cpu", or the name of an accelerator in torch: "cuda".
        like_threshold: lowest rating that counts as liking; by default the level at three
            quarters of the scale (4 of 5).
        max_memory_mb: memory of the arrays with a cell for each user and item, when scoring.

    Every other parameter is a setting of the network or of its training. None, the default of
    all of them, means the value of the preset. docs/guides/names.md lists each setting, its
    value in both presets and its meaning.

    Raises:
        SettingError: There is no parameter of this name: says the nearest one.

    >>> log = pl.DataFrame({"user_id": ["ann", "ann", "bob", "bob", "cyd"],
    ...                     "item_id": ["dune", "alien", "dune", "heat", "dune"],
    ...                     "rating": [5, 4, 2, None, 5]})
    >>> model = Conv4Rec(n_steps=5).fit(log)
    >>> model.recommend("cyd", k=2).columns[:5]
    ['user_id', 'item_id', 'rank', 'score', 'p_consume']
    """

    fitted_: Fitted
    interactions_: Interactions
    scoring_: Scoring
    train_settings_: TrainSettings

    @anywhere
    def fit(
        self,
        interactions: Any,
        *,
        on_progress: OnProgress | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        resume: bool = False,
        should_stop: Callable[[], bool] | None = None,
        **loading: Any,
    ) -> Conv4Rec:
        """Learn from a log of interactions.

        Up to three validation fits on 90% of the log (fewer where users x items is above
        4 million) choose when each task stops and its penalty; then the model is trained on all
        of the log.

        Args:
            interactions: `Interactions`, a frame, or a file (see `Interactions.from_frame`).
            on_progress: called after each step with (stage name, stage, stages, Progress).
            checkpoint: folder to keep the state of training in.
            resume: go on from `checkpoint`; ends in the weights of an uninterrupted run.
            should_stop: asked after each step; once it returns True, the state is saved to
                `checkpoint` and TrainingInterrupted is raised.
            **loading: passed to `Interactions.from_frame` (levels=, duplicates=, ...).

        Raises:
            SettingError: A parameter breaks its rule; said before any data is read.
            DataError: The table cannot be used: names the column and the rows.
            SettingError: A setting is unknown or out of range.
            TrainingInterrupted: `should_stop` returned True.
        """
        options, network, settings = self.check_params()
        check_device(self.device)
        if resume and checkpoint is None:
            raise SettingError("resume needs the checkpoint folder to resume from")
        if not isinstance(interactions, Interactions):
            interactions = Interactions.from_frame(interactions, **loading)
        interactions.levels.like_level(options.like_threshold)  # above the scale: refuse it now
        fit = Fit(
            interactions, network.model_dump(), settings, options.seed, self.device, on_progress,
            checkpoint, resume, should_stop,
        )  # fmt: skip
        self._serve(fit.run(), interactions, settings)
        with contextlib.suppress(SettingError):  # too little max_memory_mb: the first list says it
            self._norms()
        return self

    def _serve(
        self,
        fitted: Fitted,
        interactions: Interactions,
        settings: TrainSettings,
        norms: dict[int, Norms] | None = None,
    ) -> None:
        self.fitted_, self.interactions_, self.train_settings_ = fitted, interactions, settings
        fitted.model.eval().requires_grad_(False)
        self.scoring_ = Scoring(fitted.model, fitted.item_side, self.options().max_memory_mb)
        self._norms_by_level = dict(norms or {})

    def check_fitted(self) -> Interactions:
        """The log that the model was fitted to.

        Raises:
            NotFittedError: `fit` was not called.
        """
        if not hasattr(self, "scoring_"):
            raise NotFittedError("this model is not fitted yet: call fit(interactions) first")
        return self.interactions_

    @property
    def like_level_(self) -> int:
        """Number of the first rating level that counts as liking."""
        return self.check_fitted().levels.like_level(self.options().like_threshold)

    def _norms(self) -> Norms:
        """What lists compare a user and an item with, for the present like threshold."""
        level = self.like_level_
        if level not in self._norms_by_level:
            self._norms_by_level = {level: norms_of(self.scoring_, self.check_fitted(), level)}
        return self._norms_by_level[level]

    def recommend(
        self,
        users: Users = None,
        k: int = 10,
        *,
        by: Order = "consume",
        exclude_seen: bool = True,
        allow: Any = None,
        block: Any = None,
        novelty: str | float = NOVELTY,
        confidence: float = CONFIDENCE,
        min_p_like: float | None = None,
        limit_exposure: bool = True,
        reasons: int = 0,
    ) -> pl.DataFrame:
        """List k items for each user, best first.

        A list is shorter where fewer items are left, with a warning that says why; a filter is
        never weakened. Of equal scores the smaller item id comes first.

        Args:
            users: None for all training users; a user id; any iterable or column of ids (list,
                set, generator, NumPy, pandas, polars, Arrow); or histories of any users: a log
                (frame, file, Interactions) or a dict {item_id: rating} of one user. Nothing is
                trained again.
            k: how many items.
            by: "consume" (P(consume)), "like" (a lower bound of P(like)), "rating" (a lower
                bound of the expected rating), "consume_and_like" (P(consume) x P(like)) or
                "discover" (discoveries: novel to the user, liked with confidence, and liked
                more than by others).
            exclude_seen: leave out the items of the history.
            allow: list nothing but these items: an id, or any iterable or column of ids.
            block: never list these items.
            novelty: which items can be discoveries. A probability p: items that the user would
                miss with at least p within as many interactions again as the history has (10 to
                100), and that are not in the short head of the most popular items; an item below
                the user's median P(consume) with confidence always counts. A whole number N:
                items outside the user's N likeliest. "median": items below the median with
                confidence.
            confidence: lists by "like", "rating" and "discover" are ranked by what P(like), or
                the expected rating, exceeds with this probability; from 0.5 to below 1.
            min_p_like: P(like) of a discovery is at least this. By default it is at least the
                user's mean P(like) over what they consume next (or one half, if that is less)
                and, apart from the user's generosity, at least that of others. With 0, all novel
                items are ranked.
            limit_exposure: in lists by "like" and "rating" no item is in more than about a
                quarter of the users' first ten, in discoveries in no more than one in fourteen,
                or ten times an even share in a small catalogue: beyond that, it goes to the
                users for whom it stands out most. False ranks each list by itself.
            reasons: how many items of the history to name that contribute most to each item,
                for by "consume", "like" and "discover" (see `explain`).

        Returns:
            user_id, item_id, rank (from 1), score, p_consume, p_like, expected_rating,
            p_rating_<level> ...; users in ascending order of id.

            Lists by "like", "rating" and "discover" have `p_like_low` and `p_like_high`, a 90%
            interval of P(like), which holds if users rate regardless of how much they like an
            item (see docs/guides/discover.md); null where fewer than 100 ratings were learned
            from, or the model has no draws. Their `score` is the lower bound of P(like), or of
            the expected rating, minus what the item pays for exposure.

            Discoveries have two more columns. `consume_rank`: the rank of P(consume) among the
            items not in the history. `popularity_lift`: P(consume) divided by its value if the
            user consumed by popularity alone.

            Everybody asked for is answered. Where a user has no interaction with an item that
            the model knows, there is a column `fallback`: "popularity" for these users, whose
            items are ranked by how popular or how well liked they are, null for all others. A
            warning names the first of them.

            With reasons, `reason_<n>` is an item of the history and `reason_<n>_adds` its
            contribution to the score that `explain` explains; null where fewer items contribute.

        Raises:
            UnknownUserError: (or UnknownItemError) An id is not in the training data.
            SettingError: An argument is out of range.
        """
        frames = list(self.recommend_blocks(
            users, k, by=by, exclude_seen=exclude_seen, allow=allow, block=block,
            novelty=novelty, confidence=confidence, min_p_like=min_p_like,
            limit_exposure=limit_exposure, reasons=reasons,
        ))  # fmt: skip
        return pl.concat(frames, rechunk=False)

    @anywhere
    def recommend_blocks(
        self,
        users: Users = None,
        k: int = 10,
        *,
        by: Order = "consume",
        exclude_seen: bool = True,
        allow: Any = None,
        block: Any = None,
        novelty: str | float = NOVELTY,
        confidence: float = CONFIDENCE,
        min_p_like: float | None = None,
        limit_exposure: bool = True,
        reasons: int = 0,
    ) -> Iterator[pl.DataFrame]:
        """The rows of `recommend`, in frames of a few users each: for more than fit in memory.

        The first frame is made, and every error raised, at the call.
        """
        known = self.check_fitted()
        criteria = DiscoveryCriteria(novelty, confidence, min_p_like)
        check_criteria(by, criteria, limit_exposure)
        spec = ListSpec(by, self.like_level_, criteria)
        allowed = allowed_items(known, allow, block)
        request = ListRequest(spec, k, exclude_seen, allowed, reasons)
        norms = self._norms() if by in UNCERTAIN_LISTS else None
        if norms is not None and not limit_exposure:
            norms = replace(norms, prices={})
        frames = Lists(self.scoring_, histories_of(known, users), request, norms).frames()
        frames = each_anywhere(frames)
        return chain([next(frames)], frames)

    @anywhere
    def predict(self, pairs: Any, *, users: Users = None, intervals: bool = False) -> pl.DataFrame:
        """Predict consumption and rating for given pairs of a user and an item.

        Args:
            pairs: a frame or a file with user_id and item_id (or their usual aliases).
            users: whose histories are read, as in `recommend`; None for the training users.
            intervals: add p_like_low and p_like_high, a 90% interval of P(like) (see
                `recommend`).

        Returns:
            user_id, item_id, p_consume (0 if the item is in the history), p_like_low and
            p_like_high (with `intervals`), p_like, expected_rating, p_rating_<level> ..., in the
            order of `pairs`; `fallback` as in `recommend`.

        Raises:
            UnknownUserError: (or UnknownItemError) An id is unknown: names the row.
        """
        known = self.check_fitted()
        check_switch("intervals", intervals)
        histories = histories_of(known, users)
        frame = read_table(pairs).select("user_id", "item_id")
        where = None if users is None else "given histories"
        rows = numbers_of(histories.users, frame["user_id"], where)
        items = numbers_of(known.items, frame["item_id"])
        columns = pair_columns(self.scoring_, histories, rows, items, self.like_level_, intervals)
        return frame.hstack(pl.DataFrame(columns | fallback_column(histories, rows)))

    @anywhere
    def explain(
        self, users: Users, item: int | str, *, by: Explained = "like",
        confidence: float = CONFIDENCE,
    ) -> pl.DataFrame:  # fmt: skip
        """The contribution of each item of one user's history to a score; they sum to it exactly.

        The score that is explained:

        - by "like": the log-odds of P(like), so P(like) = 1 / (1 + exp(-sum)).
        - by "discover": the log-odds of the score that discoveries are ranked by; uncertainty
          and the price of exposure are in the baseline.
        - by "consume": log P(consume) minus its mean over the items not in the history, so
          exp(sum) says how many times likelier than a typical item.

        The baseline is the score without a history: how well liked or how popular the item is;
        by "like" and "discover", for someone who uses the scale as this user does.

        Args:
            users: one user: an id, or a history (see `recommend`).
            item: the item whose score is explained.
            by: "consume", "like" or "discover".
            confidence: of discoveries (see `recommend`).

        Returns:
            item_id, rating, contribution: first the baseline, whose item_id is null, then every
            item of the history with the rating given (null: not rated), largest contribution
            first.

        Raises:
            UnknownUserError: (or UnknownItemError) An id is not in the training data.
            SettingError: There is more than one user, `by` or `confidence` is out of range, or
                the item is in the history and so is not consumed again.
        """
        known = self.check_fitted()
        check_confidence(confidence)
        check_explained(by, self.like_level_)
        histories = histories_of(known, users)
        norms = self._norms() if by == "discover" else None
        number = known.items.number(item)
        return explained(self.scoring_, histories, number, by, self.like_level_, confidence, norms)

    @anywhere
    def profile(self, users: Users) -> Profile:
        """Describe one user: levels used, generosity, main directions of taste.

        Args:
            users: one user: an id, or a history (see `recommend`).

        Raises:
            UnknownUserError: The id is not in the training data.
            SettingError: There is more than one user.
        """
        known = self.check_fitted()
        return profile_of(self.scoring_, histories_of(known, users))

    @anywhere
    def similar_items(self, item: int | str, k: int = 10) -> pl.DataFrame:
        """The items consumed by the same users: item_id, rank, similarity.

        Similarity is the cosine of the vectors that decode P(consume), from -1 to 1. The SLIM
        component of P(consume) is not in it.
        """
        known = self.check_fitted()
        check_count("k", k)
        return similar_items(self.scoring_.network, known, known.items.number(item), k)

    @anywhere
    def kernels(self) -> pl.DataFrame:
        """The input and output kernels: what each rating level means to each channel.

        Columns: `level` ("unrated" last), the input channels (`consumed`, `liked`, ...), then
        what a unit of each rating channel adds to the level's logit (`liked_out`, ...).
        """
        known = self.check_fitted()
        return kernel_table(self.scoring_.network, known.levels.labels)

    @anywhere
    def save(self, folder: str | os.PathLike[str]) -> None:
        """Save the fitted model: safetensors files and a JSON manifest, all or nothing.

        Raises:
            SavedModelError: The folder holds something else, or cannot be written.
        """
        interactions = self.check_fitted()
        options, network, training = self.check_params()
        values = network.model_dump() | training.model_dump()
        facts = {
            "preset": options.preset,
            "seed": options.seed,
            "like_threshold": options.like_threshold,
            "settings": {name: values[name] for name in self.settings},
        }
        with contextlib.suppress(SettingError):  # as in `fit`
            self._norms()
        save_model(folder, self.fitted_, interactions, facts, self._norms_by_level)

    @classmethod
    @anywhere
    def load(
        cls, folder: str | os.PathLike[str], *, device: str = "cpu", max_memory_mb: float = 512.0
    ) -> Conv4Rec:
        """Load a saved model.

        Raises:
            SavedModelError: The folder is missing, foreign, or a file in it was changed.
            SettingError: `device` or `max_memory_mb` breaks its rule.
        """
        Options(max_memory_mb=max_memory_mb)
        check_device(device)
        fitted, interactions, options, norms = load_model(folder, device)
        changed: dict[str, Any] = {  # JSON has no tuples
            name: tuple(value) if isinstance(value, list) else value
            for name, value in options.pop("settings").items()
        }
        model = cls(device=device, max_memory_mb=max_memory_mb, **options, **changed)
        _, _, settings = model.check_params()
        model._serve(fitted, interactions, settings, norms)
        return model

    @property
    def config_(self) -> dict[str, Any]:
        """The configuration that was fitted: the network, its training, the schedule found."""
        self.check_fitted()
        served = self.fitted_.network.config
        return {
            "preset": self.preset,
            "network": self.fitted_.trained.model_dump(),
            "training": self.train_settings_.model_dump(),
            "schedule": asdict(self.fitted_.schedule),
            "ensemble_weights": asdict(self.fitted_.ensemble_weights),
            "served": {"consume_size": served.consume_size, "rate_size": served.rate_size},
        }

    @property
    def n_parameters_(self) -> int:
        """How many weights were trained."""
        self.check_fitted()
        return self.fitted_.n_parameters

    def __repr__(self) -> str:
        state = repr(self.interactions_) if hasattr(self, "scoring_") else "not fitted"
        return f"{super().__repr__()}: {state}"

    def _repr_html_(self) -> str:
        """What a notebook shows: the parameters that were changed, and the log fitted to."""
        state = repr(self.interactions_) if hasattr(self, "scoring_") else "nothing yet"
        return html_table("Conv4Rec", {**self.changed_params(), "fitted to": state})
