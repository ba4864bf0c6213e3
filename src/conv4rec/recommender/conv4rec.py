"""One model for both questions of a ratings log."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, replace
from functools import reduce
from itertools import chain
from typing import Any

import polars as pl

from conv4rec.checks import check_count
from conv4rec.data import Events, Interactions, read_log
from conv4rec.data.columns import IDS
from conv4rec.data.ids import text_roles
from conv4rec.data.tables import read_columns
from conv4rec.errors import NoRatingsError, NotFittedError, SettingError
from conv4rec.recommender.audience import audience_of
from conv4rec.recommender.configuration import Options, check_device
from conv4rec.recommender.discovery import CONFIDENCE, NOVELTY, DiscoveryCriteria, check_confidence
from conv4rec.recommender.event_answers import NEXT, EventAnswers
from conv4rec.recommender.event_explanation import association_table, event_explanation
from conv4rec.recommender.event_histories import event_histories_of
from conv4rec.recommender.explanation import check_explained, explained
from conv4rec.recommender.fit_cost import warn_of_memory
from conv4rec.recommender.inspection import kernel_table, similar_items
from conv4rec.recommender.known_users import KnownUsers
from conv4rec.recommender.list_request import (
    ListRequest,
    allowed_items,
    check_criteria,
    check_switch,
)
from conv4rec.recommender.list_scores import UNCERTAIN_LISTS, ListSpec, Norms, Order, norms_of
from conv4rec.recommender.lists import Lists
from conv4rec.recommender.next_rated import NextRated
from conv4rec.recommender.pairs import numbers_of, pair_columns
from conv4rec.recommender.parameters import Parameters, html_table
from conv4rec.recommender.persistence import load_model, save_model
from conv4rec.recommender.profile import Profile, profile_of
from conv4rec.recommender.scoring import Scoring
from conv4rec.recommender.surroundings import anywhere, each_anywhere, solvable
from conv4rec.recommender.user_histories import Users, fallback_column, histories_of
from conv4rec.train import Fit, Fitted, TrainSettings
from conv4rec.train.event_checkpoint import load_item_state
from conv4rec.train.event_fit import fit_events
from conv4rec.train.fit import OnProgress
from conv4rec.train.loop import Progress


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
            bit for bit; on a GPU, the same but for rounding and its consequences.
        device: "cpu", or "cuda" for a GPU (docs/cost.md: "On a GPU"). Types of events are
            learned on the processor all the same.
        like_threshold: lowest rating that counts as liking; by default the level at three
            quarters of the scale (4 of 5).
        max_memory_mb: memory of the arrays with a cell for each user and item, when scoring.

    Every other parameter is a setting of the network or of its training. None, the default of
    all of them, means the value of the preset. docs/guides/names.md lists each setting, its
    value in each preset and its meaning.

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
    events_: EventAnswers | None = None
    """The model of types, where the log has types; without ratings, there is no other model."""
    scoring_: Scoring
    train_settings_: TrainSettings

    @anywhere
    @solvable(SettingError, "training diverged, try settings nearer to the defaults")
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
            interactions: `Interactions`, `Events`, a frame, or a file. A table with a column for
                the type of an event (view, buy, ...) is read by `Events.from_frame`, any other by
                `Interactions.from_frame`.
            on_progress: called after each step with (stage name, stage, stages, Progress); at the
                end, while training users are solved, with ("users", 0, 1, Progress of users).
            checkpoint: folder to keep the state of training in.
            resume: go on from `checkpoint`; ends in the weights of an uninterrupted run.
            should_stop: asked after each step; once it returns True, the state is saved to
                `checkpoint` and TrainingInterrupted is raised.
            **loading: passed to `from_frame` (levels=, duplicates=, exclusive=, ...).

        Raises:
            SettingError: A parameter breaks its rule; said before any data is read.
            DataError: The table cannot be used: names the column and the rows.
            SettingError: A setting is unknown or out of range, or training diverged.
            TrainingInterrupted: `should_stop` returned True.
        """
        options, network, settings = self.check_params()
        check_device(self.device)
        if resume and checkpoint is None:
            raise SettingError("resume needs the checkpoint folder to resume from")
        if not isinstance(interactions, (Interactions, Events)):
            interactions = read_log(interactions, **loading)
        events = interactions if isinstance(interactions, Events) else None
        log = (
            interactions if isinstance(interactions, Interactions) else interactions.interactions()
        )
        log.levels.like_level(options.like_threshold)  # above the scale: refuse it now
        self.events_ = None
        if events is not None:
            warn_of_memory(events, network.model_dump(), settings)
            state = None
            if resume and checkpoint is not None:
                state = load_item_state(checkpoint, events, options.seed)
                resume = state is None  # else the ratings have not begun
            model = fit_events(events, options.seed, on_progress, should_stop, checkpoint, state)
            self._serve_events(EventAnswers(model, events, options.max_memory_mb), log)
            if events.types.levels is None:
                return self
        if self.device.startswith("cpu"):
            warn_of_memory(log, network.model_dump(), settings)
        fit = Fit(
            log, network.model_dump(), settings, options.seed, self.device, on_progress,
            checkpoint, resume, should_stop,
        )  # fmt: skip
        self._serve(fit.run(), log, settings)
        if settings.solve_users:

            def on_users(n: int) -> None:
                if on_progress is not None:
                    on_progress("users", 0, 1, Progress(n, log.n_users, 0.0, 0.0))

            self.scoring_.known = KnownUsers.solved(log, self.fitted_.model.bayesian_mf, on_users)
        with contextlib.suppress(SettingError):  # too little max_memory_mb: the first list says it
            self._norms()
        return self

    def _serve_events(self, events: EventAnswers, interactions: Interactions) -> None:
        self.events_, self.interactions_ = events, interactions
        for name in ("scoring_", "fitted_"):  # of an earlier fit
            vars(self).pop(name, None)

    def _serve(
        self,
        fitted: Fitted,
        interactions: Interactions,
        settings: TrainSettings,
        norms: dict[int, Norms] | None = None,
        known: KnownUsers | None = None,
    ) -> None:
        fitted.model.eval().requires_grad_(False)
        for table in fitted.model.parameters():  # laid out as they are saved: the same bits
            table.data = table.data.contiguous()
        fitted = replace(fitted, item_side=fitted.network.served_side(fitted.item_side))
        self.fitted_, self.interactions_, self.train_settings_ = fitted, interactions, settings
        memory, next_rated = self.options().max_memory_mb, None
        if self.events_ is not None:
            next_rated = NextRated(self.events_)
            self.interactions_ = replace(interactions, events=self.events_.log)
        self.scoring_ = Scoring(fitted.model, fitted.item_side, memory, known, next_rated)
        self._norms_by_level = dict(norms or {})

    def check_fitted(self) -> Interactions:
        """The log that the model was fitted to.

        Raises:
            NotFittedError: `fit` was not called.
        """
        if not hasattr(self, "interactions_"):
            raise NotFittedError("this model is not fitted yet: call fit(interactions) first")
        return self.interactions_

    def histories(self, users: Users = None) -> Interactions:
        """The histories that a question is about, one row a user, over the model's items.

        Args:
            users: as in `recommend`.

        Raises:
            UnknownUserError: An id is not in the training data.
            DataError: The log cannot be used.
        """
        self.check_fitted()
        if self.events_ is None:
            return histories_of(self.interactions_, users)
        return event_histories_of(self.events_.log, users).interactions()

    def __getattr__(self, name: str) -> Any:
        """Say what is missing of a model that was fitted to types alone."""
        events = vars(self).get("events_")
        if name in ("scoring_", "fitted_") and events is not None:
            raise NoRatingsError(
                "this is for logs with ratings: the model was fitted to the types "
                f"{', '.join(events.log.types.names)} alone"
            )
        if hasattr(type(self), name):  # a property that the model before `fit` does not have
            self.check_fitted()
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

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
        by: str = "consume",
        exclude_seen: bool = True,
        exclude: Collection[str] | None = None,
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
                (frame, file, Interactions, Events) or a dict {item_id: rating} of one user,
                {item_id: type or types} where the log has types, with ratings behind those that
                have them, ["read", 4]. Nothing is trained again.
            k: how many items.
            by: "consume" (P(consume)), "like" (a lower bound of P(like)), "rating" (a lower
                bound of the expected rating), "consume_and_like" (P(consume) x P(like)) or
                "discover" (discoveries: novel to the user, liked with confidence, and liked
                more than by others). Where the log has types, also a type, such as "buy"
                (P(item | the next event is a purchase)), or "next" (P(item) of an event of any
                type); "type:like" is the type, where "like" is the kind of list; and to consume
                is to have an event of a type that carries ratings, if any does.
            exclude_seen: leave out the items of the history. By a type: leave out those with an
                event of this type, unless it comes again on the same item.
            exclude: by a type: leave out the items with an event of these types instead.
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

            Lists by a type or by "next" have user_id, item_id, rank, score and p_<by> alone.

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
        frames = self.recommend_blocks(
            users, k, by=by, exclude_seen=exclude_seen, exclude=exclude, allow=allow, block=block,
            novelty=novelty, confidence=confidence, min_p_like=min_p_like,
            limit_exposure=limit_exposure, reasons=reasons,
        )  # fmt: skip
        return reduce(pl.DataFrame.vstack, frames)  # `concat` would need polars' threads

    @anywhere
    def recommend_blocks(
        self,
        users: Users = None,
        k: int = 10,
        *,
        by: str = "consume",
        exclude_seen: bool = True,
        exclude: Collection[str] | None = None,
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
        allowed = allowed_items(known, allow, block)
        kind = None if self.events_ is None else self.events_.kind_of_list(by, self.has_ratings)
        if self.events_ is not None and kind is not None:
            if (criteria, limit_exposure) != (DiscoveryCriteria(), True):
                raise SettingError(
                    "novelty, confidence, min_p_like and limit_exposure are for lists of ratings; "
                    f"got by={by!r}"
                )
            asked = self.events_.request(kind, k, exclude, exclude_seen, allowed, reasons)
            frames = self.events_.lists(event_histories_of(self.events_.log, users), asked)
            return chain([next(frames)], frames)
        if exclude is not None:
            raise SettingError("exclude is of lists by a type; exclude_seen is of all others")
        check_criteria(by, criteria, limit_exposure)
        spec = ListSpec(by, self.like_level_, criteria)  # type: ignore[arg-type]  # checked
        request = ListRequest(spec, k, exclude_seen, allowed, reasons)
        norms = self._norms() if by in UNCERTAIN_LISTS else None
        if norms is not None and not limit_exposure:
            norms = replace(norms, prices={})
        frames = Lists(self.scoring_, self.histories(users), request, norms).frames()
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
            order of `pairs`. Where the log has types, first p_next: P(the next event is with the
            item); p_<type> for each type: P(item | the next event is of the type); and
            share_<type>: P(type | the next event is with the item). Without ratings, these alone.
                `fallback` as in `recommend`.

        Raises:
            UnknownUserError: (or UnknownItemError) An id is unknown: names the row.
        """
        known = self.check_fitted()
        check_switch("intervals", intervals)
        histories, columns = self.histories(users), {}
        as_text = text_roles(histories.users, known.items)
        frame = read_columns(pairs, roles=IDS, as_text=as_text).frame
        rows = numbers_of(
            histories.users, frame["user_id"], None if users is None else "given histories"
        )
        items = numbers_of(known.items, frame["item_id"])
        if self.events_ is not None:
            typed = event_histories_of(self.events_.log, users)
            columns = self.events_.pairs(typed, rows, items)
        if intervals or self.has_ratings:
            columns |= pair_columns(
                self.scoring_, histories, rows, items, self.like_level_, intervals
            )
        columns |= fallback_column(histories, rows)
        return frame.hstack(pl.DataFrame(columns))

    @anywhere
    def explain(
        self, users: Users, item: int | str, *, by: str = "like", confidence: float = CONFIDENCE
    ) -> pl.DataFrame:
        """The contribution of each item of one user's history to a score; they sum to it exactly.

        The score that is explained:

        - by "like": the log-odds of P(like), so P(like) = 1 / (1 + exp(-sum)).
        - by "discover": the log-odds of the score that discoveries are ranked by; uncertainty
          and the price of exposure are in the baseline.
        - by "consume": log P(consume) minus its mean over the items not in the history, so
          exp(sum) says how many times likelier than a typical item.
        - by a type, such as "buy": log P(item | the next event is of the type) minus its mean
          over the items that may come.

        The baseline is the score without a history: how well liked or how popular the item is;
        by "like" and "discover", for someone who uses the scale as this user does.

        Args:
            users: one user: an id, or a history (see `recommend`).
            item: the item whose score is explained.
            by: "consume", "like" or "discover"; where the log has types, a type.
            confidence: of discoveries (see `recommend`).

        Returns:
            item_id, rating, contribution: first the baseline, whose item_id is null, then every
            item of the history with the rating given (null: not rated), largest contribution
            first. By a type: item_id, type, contribution, a row for each type of each item.

        Raises:
            UnknownUserError: (or UnknownItemError) An id is not in the training data.
            SettingError: There is more than one user, `by` or `confidence` is out of range, or
                the item is in the history and so is not consumed again.
        """
        known = self.check_fitted()
        check_confidence(confidence)
        number = known.items.number(item)
        kind = None if self.events_ is None else self.events_.kind_of_list(by, self.has_ratings)
        if self.events_ is not None and kind is not None:
            if kind == NEXT:
                raise SettingError(
                    f"explain is of one type, such as {self.events_.log.types.names[0]!r}"
                )
            typed = event_histories_of(self.events_.log, users)
            target = self.events_.log.types.number(kind)
            return event_explanation(self.events_.model, typed, number, target)
        check_explained(by, self.like_level_)
        norms = self._norms() if by == "discover" else None
        return explained(
            self.scoring_, self.histories(users), number, by, self.like_level_, confidence,
            norms,
        )  # fmt: skip

    @anywhere
    def profile(self, users: Users) -> Profile:
        """Describe one user: levels used, generosity, main directions of taste.

        Args:
            users: one user: an id, or a history (see `recommend`).

        Raises:
            UnknownUserError: The id is not in the training data.
            SettingError: There is more than one user.
        """
        self.check_fitted()
        return profile_of(self.scoring_, self.histories(users))

    @anywhere
    def audience(
        self, item: int | str, k: int = 10, *, users: Users = None, by: Order = "discover",
        confidence: float = CONFIDENCE,
    ) -> pl.DataFrame:  # fmt: skip
        """List k people for an item, best first; no one who has consumed it.

        Args:
            item: which.
            k: how many people.
            users: among whom, as in `recommend`; None for the training users.
            by: "discover", who would like the item and hardly come to it alone: those for whom it
                is a discovery; "like", "rating", "consume" or "consume_and_like", as in
                `recommend`.
            confidence: of lists by "discover", "like" and "rating" (see `recommend`).

        Returns:
            user_id, rank, and the columns of `recommend`; fewer rows where fewer qualify. No
            price of exposure is in the score.

        Raises:
            UnknownItemError: (or UnknownUserError) An id is not in the training data.
            SettingError: An argument is out of range.

        By "discover" and "like" only the users with the highest P(like) are read whole; by
        "consume", "rating" and "consume_and_like" all are, as in a list for each.

        >>> log = pl.DataFrame({"user_id": ["ann", "ann", "bob", "cyd"], "rating": [5, 4, 2, 5],
        ...                     "item_id": ["dune", "alien", "dune", "alien"]})
        >>> Conv4Rec(n_steps=5).fit(log).audience("alien", by="like")["user_id"].to_list()
        ['bob']
        """
        check_confidence(confidence)
        return audience_of(self, item, k, users, by, confidence)

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

        Where the log has types: what was `done` with an item, what comes `next` with it, and how
        many `times` likelier the first makes the second in the model; `share`: of the events of
        type `next` that were held out in training, on how many items it was done before;
        `chance`: what that share would be if items came at random.
        """
        known = self.check_fitted()
        if self.events_ is not None:
            return association_table(self.events_.model)
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
        if not self.has_ratings:
            save_model(folder, None, interactions, facts, {}, self.events_)
            return
        with contextlib.suppress(SettingError):  # as in `fit`
            self._norms()
        norms, known = self._norms_by_level, self.scoring_.known
        save_model(folder, self.fitted_, interactions, facts, norms, self.events_, known)

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
        saved = load_model(folder, device)
        changed: dict[str, Any] = {  # JSON has no tuples
            name: tuple(value) if isinstance(value, list) else value
            for name, value in saved.options.pop("settings").items()
        }
        model = cls(device=device, max_memory_mb=max_memory_mb, **saved.options, **changed)
        _, _, settings = model.check_params()
        if saved.typed is not None:
            model._serve_events(EventAnswers(*saved.typed, max_memory_mb), saved.log)
        if saved.fitted is not None:
            model._serve(saved.fitted, saved.log, settings, saved.norms, saved.known)
        return model

    @property
    def config_(self) -> dict[str, Any]:
        """The configuration that was fitted: the network, its training, the schedule found."""
        self.check_fitted()
        if not self.has_ratings:
            return {"preset": self.preset, "types": self.events_.log.types.names}  # type: ignore[union-attr]
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
        of_types = 0
        if self.events_ is not None:
            of_types = sum(weight.numel() for weight in self.events_.model.parameters())
        return of_types + (self.fitted_.n_parameters if self.has_ratings else 0)

    @property
    def has_ratings(self) -> bool:
        """Whether there is a model of ratings: of every log but one of types alone."""
        return hasattr(self, "scoring_")

    def __repr__(self) -> str:
        state = repr(self.interactions_) if hasattr(self, "interactions_") else "not fitted"
        return f"{super().__repr__()}: {state}"

    def _repr_html_(self) -> str:
        """What a notebook shows: the parameters that were changed, and the log fitted to."""
        state = repr(self.interactions_) if hasattr(self, "interactions_") else "nothing yet"
        return html_table("Conv4Rec", {**self.changed_params(), "fitted to": state})
