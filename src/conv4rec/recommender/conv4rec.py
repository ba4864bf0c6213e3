"""One model for both questions of a ratings log."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import polars as pl

from conv4rec.data import Interactions, read_table
from conv4rec.errors import NotFittedError, SettingError
from conv4rec.model.kernels import channel_names
from conv4rec.model.readouts import expected_rating
from conv4rec.recommender.configuration import configuration
from conv4rec.recommender.discovery import CONFIDENCE, NOVELTY, DiscoveryCriteria, check_confidence
from conv4rec.recommender.explanation import check_explained, explained
from conv4rec.recommender.list_scores import ORDERS, UNCERTAIN_LISTS, ListSpec, Norms, norms_of
from conv4rec.recommender.lists import ListRequest, Lists
from conv4rec.recommender.pairs import pair_columns
from conv4rec.recommender.persistence import load_model, save_model
from conv4rec.recommender.profile import Profile, profile_of
from conv4rec.recommender.scoring import Scoring
from conv4rec.recommender.user_histories import Histories, histories_of
from conv4rec.train import Fit, Fitted
from conv4rec.train.fit import OnProgress


class Conv4Rec:
    """Trains one model and answers: will they pick it, how will they rate it, is it a find?

    For every user and item, separately: `p_consume` = P(i | history), the chance that the next
    item this person picks is i (sums to 1 over the items not in the history);
    `p_rating_<level>` = P(level | i, history), the chance of each rating if they do;
    `expected_rating`; and `p_like`, the chance of a rating at the like threshold or above.

    An implementation from the abstract of Ledent, Kasalický, Alves & Lauw, "Conv4Rec" (IEEE
    TNNLS 2025, arXiv 2509.07499), not the authors' code.

    Args:
        preset: "default", the best we have, or "paper", the closest to the abstract.
        seed: of every random draw. The same seed, machine and thread count give the same model,
            bit for bit.
        device: "cpu", or what torch calls an accelerator: "cuda".
        like_threshold: lowest rating that counts as liking; by default the level at three
            quarters of the scale (4 of 5).
        max_memory_mb: for arrays with a cell for each user and item, when scoring.
        **settings: any field of `NetworkConfig` (its sizes and switches) or `TrainSettings`.

    >>> log = pl.DataFrame({"user_id": ["ann", "ann", "bob", "bob", "cyd"],
    ...                     "item_id": ["dune", "alien", "dune", "heat", "dune"],
    ...                     "rating": [5, 4, 2, None, 5]})
    >>> model = Conv4Rec(seed=0, n_steps=5).fit(log)
    >>> model.recommend("cyd", k=2).columns[:5]
    ['user_id', 'item_id', 'rank', 'score', 'p_consume']
    """

    def __init__(
        self,
        *,
        preset: str = "default",
        seed: int = 0,
        device: str = "cpu",
        like_threshold: float | None = None,
        max_memory_mb: float = 512.0,
        **settings: Any,
    ) -> None:
        self.preset, self.seed, self.device = preset, seed, device
        self.like_threshold, self.max_memory_mb = like_threshold, max_memory_mb
        self.settings = settings

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

        Up to three rehearsals on 90% of the log (fewer where users x items is above 4 million)
        choose when each task stops and how firmly it is held; then the model is trained on all
        of it.

        Args:
            interactions: `Interactions`, a frame, or a file (see `Interactions.from_frame`).
            on_progress: called after each step with (stage name, stage, stages, Progress).
            checkpoint: folder to keep the state of training in.
            resume: go on from `checkpoint`; ends in the weights of an uninterrupted run.
            should_stop: asked after each step; once it returns True, the state is saved to
                `checkpoint` and TrainingInterrupted is raised.
            **loading: passed to `Interactions.from_frame` (levels=, duplicates=, ...).

        Raises:
            DataError: The table cannot be used: names the column and the rows.
            SettingError: A setting is unknown or out of range.
            TrainingInterrupted: `should_stop` returned True.
        """
        shape, settings = configuration(self.preset, self.settings)
        if not isinstance(self.seed, (int, np.integer)) or not 0 <= self.seed < 2**40:
            raise SettingError(f"seed is a whole number from 0 to 2**40 - 1; got {self.seed!r}")
        if not isinstance(interactions, Interactions):
            interactions = Interactions.from_frame(interactions, **loading)
        interactions.levels.like_level(self.like_threshold)  # wrong? say so before training
        if resume and checkpoint is None:
            raise SettingError("resume needs the checkpoint folder to resume from")
        fit = Fit(
            interactions, shape, settings, int(self.seed), self.device, on_progress, checkpoint,
            resume, should_stop,
        )  # fmt: skip
        self._serve(fit.run(), interactions)
        with contextlib.suppress(SettingError):  # too little max_memory_mb: at the first list
            self._norms()
        return self

    def _serve(
        self, fitted: Fitted, interactions: Interactions, norms: dict[int, Norms] | None = None
    ) -> None:
        self.fitted_, self.interactions_ = fitted, interactions
        fitted.model.eval().requires_grad_(False)
        self.scoring_ = Scoring(fitted.model, fitted.item_side, self.max_memory_mb)
        self._norms_by_level = dict(norms or {})

    def _fitted(self) -> Interactions:
        if not hasattr(self, "scoring_"):
            raise NotFittedError("this model is not fitted yet: call fit(interactions) first")
        return self.interactions_

    @property
    def like_level_(self) -> int:
        """Number of the first rating level that counts as liking."""
        return self._fitted().levels.like_level(self.like_threshold)

    def _norms(self) -> Norms:
        """What lists compare a person and an item with, for the like threshold of the moment."""
        level = self.like_level_
        if level not in self._norms_by_level:
            self._norms_by_level = {level: norms_of(self.scoring_, self._fitted(), level)}
        return self._norms_by_level[level]

    def recommend(
        self,
        users: Histories = None,
        k: int = 10,
        *,
        by: str = "consume",
        exclude_seen: bool = True,
        allow: Sequence[int | str] | None = None,
        block: Sequence[int | str] | None = None,
        novelty: str | float = NOVELTY,
        confidence: float = CONFIDENCE,
        min_p_like: float | None = None,
        limit_exposure: bool = True,
        reasons: int = 0,
    ) -> pl.DataFrame:
        """List k items for each person, best first.

        Lists are shorter where fewer items are left, with a warning that says why; a filter is
        never weakened. Of equal scores the smaller item id comes first.

        Args:
            users: None for all training users; a user id or a list of them; or the histories of
                anyone else: a log (frame, file, Interactions) or a dict {item_id: rating} of
                one person. Nothing is retrained.
            k: how many.
            by: "consume" (what they would pick next), "like" (surely liked if they picked it),
                "rating" (surely rated high), "consume_and_like" (P(consume) x P(like)) or
                "discover" (finds: what they would hardly come to alone, surely like, and like
                more than others do).
            exclude_seen: leave out the items of the history.
            allow: list nothing but these items.
            block: never list these items.
            novelty: which items are hardly picked, for finds. A chance, 0.1: those that come up
                by themselves with less, within as many picks as the person has made (10 to 100),
                and are not of the short head that everyone sees anyway (what is surely below the
                median always counts). A whole number N: those
                outside the N likeliest. "median": those surely below the person's median
                P(consume).
            sure: lists by "like", "rating" and "discover" are ranked by what P(like), or the
                expected rating, exceeds with this probability; from 0.5 (as they are) to below 1.
            min_p_like: P(like) of a find is at least this. By default it is at least that of
                what the person would pick next (or one half, if that is less) and, generosity
                aside, at least what others' is. 0 ranks everything that is hardly picked.
            limit_exposure: in lists by "like" and "rating" no item stands in more than about a
                quarter of people's first ten, in finds in no more than one in fourteen, or ten
                times an even share in a small catalogue: beyond, it goes to those for whom it
                stands out most. Without, every list is ranked by itself.
            reasons: how many items of the history to name that speak most for each item, for
                by "consume", "like" and "discover" (see `explain`).

        Returns:
            user_id, item_id, rank (from 1), score, p_consume, p_like, expected_rating,
            p_rating_<level> ...; people in ascending order of id.

            Lists by "like", "rating" and "discover" have `p_like_low` and `p_like_high`: 90% of
            such intervals shall hold the true P(like), if people rate regardless of how much they
            like an item (see docs/guides/discover.md); null where fewer than 100 ratings were
            learned from, or the model has no draws. Their `score` is what P(like), or
            the expected rating, surely exceeds, less what the item pays for exposure.

            Finds have two columns more. `consume_rank`: the place of P(consume) among the items not
            in this person's history. `popularity_lift`: P(consume) over what it would be if they
            picked by popularity alone.

            With reasons, `reason_<n>` is an item of the history and `reason_<n>_adds` what it
            adds to the score that `explain` explains; null where fewer speak for the item.

        Raises:
            UnknownUserError: (or UnknownItemError) An id is not in the training data.
            SettingError: `k`, `by`, `unlikely`, `confidence`, `min_p_like` or `reasons` is out of range.
        """
        frames = list(self.recommend_blocks(
            users, k, by=by, exclude_seen=exclude_seen, allow=allow, block=block,
            novelty=novelty, confidence=confidence, min_p_like=min_p_like, limit_exposure=limit_exposure,
            reasons=reasons,
        ))  # fmt: skip
        return pl.concat(frames, rechunk=False)

    def recommend_blocks(
        self,
        users: Histories = None,
        k: int = 10,
        *,
        by: str = "consume",
        exclude_seen: bool = True,
        allow: Sequence[int | str] | None = None,
        block: Sequence[int | str] | None = None,
        novelty: str | float = NOVELTY,
        confidence: float = CONFIDENCE,
        min_p_like: float | None = None,
        limit_exposure: bool = True,
        reasons: int = 0,
    ) -> Iterator[pl.DataFrame]:
        """The same as `recommend`, in frames of a few people each: for more than fit in memory."""
        known = self._fitted()
        _check_k(k)
        if by not in ORDERS:
            raise SettingError(f"by is one of {', '.join(ORDERS)}; got {by!r}")
        criteria = DiscoveryCriteria(novelty, confidence, min_p_like)
        _check_asked(by, criteria, limit_exposure)
        _check_k(reasons, "reasons", 0)
        if reasons:
            check_explained(by, self.like_level_)
        allowed = np.ones(known.n_items, dtype=bool)
        if allow is not None:
            allowed[:] = False
            allowed[[known.items.number(item) for item in allow]] = True
        if block is not None:
            allowed[[known.items.number(item) for item in block]] = False
        people = histories_of(known, users)
        spec = ListSpec(by, self.like_level_, criteria)
        question = ListRequest(spec, int(k), exclude_seen, allowed, int(reasons))
        norms = self._norms() if by in UNCERTAIN_LISTS else None
        if norms is not None and not limit_exposure:
            norms = replace(norms, prices={})
        lists = Lists(self.scoring_, people, question, norms)
        yield from lists.frames()
        if lists.short:
            _warn_short(lists)

    def predict(
        self, pairs: Any, *, histories: Histories = None, intervals: bool = False
    ) -> pl.DataFrame:
        """Both answers for given pairs of a user and an item.

        Args:
            pairs: a frame or a file with user_id and item_id (or their usual aliases).
            histories: the histories of the users in `pairs` if they are not training users.
            intervals: add p_like_low and p_like_high, a 90% interval of P(like) (see
                `recommend`).

        Returns:
            user_id, item_id, p_consume (0 if the item is in the history), p_like_low and
            p_like_high (with `intervals`), p_like, expected_rating, p_rating_<level> ..., in the
            order of `pairs`.

        Raises:
            UnknownUserError: (or UnknownItemError) An id is unknown: names the row.
        """
        known = self._fitted()
        people = histories_of(known, histories)
        frame = read_table(pairs).select("user_id", "item_id")
        users = _numbers(people.users, frame["user_id"])
        items = _numbers(known.items, frame["item_id"])
        columns = pair_columns(self.scoring_, people, users, items, self.like_level_, intervals)
        return frame.hstack(pl.DataFrame(columns))

    def explain(
        self, user: Histories, item: int | str, *, by: str = "like", confidence: float = CONFIDENCE
    ) -> pl.DataFrame:
        """What each item of a history adds to a score; the parts sum to it exactly.

        The score that is explained, given the reading of the history:

        - by "like": the log-odds of P(like), so P(like) = 1 / (1 + exp(-sum)).
        - by "discover": the log-odds of the score that finds are ranked by; doubt and what the
          item pays for exposure are in the base.
        - by "consume": log P(consume) less its mean over the items not in the history, so
          exp(sum) says how many times likelier than a typical item.

        The base is what the item has without a history: how well liked, how popular it is; by
        "like" and "discover", for someone who uses the scale as this person does.

        Args:
            user: a user id, or a history (see `recommend`): one person.
            item: the item whose score is explained.
            by: "consume", "like" or "discover".
            sure: for finds (see `recommend`).

        Returns:
            item_id, rating, contribution: first the base, whose item_id is null, then every
            item of the history with the rating given (null: not rated), what speaks most for
            the item first.

        Raises:
            UnknownUserError: (or UnknownItemError) An id is not in the training data.
            SettingError: There is more than one person, `by` or `confidence` is out of range, or
                the item is in the history and so is not picked again.
        """
        known = self._fitted()
        check_confidence(confidence)
        check_explained(by, self.like_level_)
        people = histories_of(known, user)
        norms = self._norms() if by == "discover" else None
        number = known.items.number(item)
        return explained(self.scoring_, people, number, by, self.like_level_, confidence, norms)

    def profile(self, user: Histories) -> Profile:
        """What the model sees in one person: levels used, generosity, main directions of taste.

        Args:
            user: a user id, or a history (see `recommend`).
        """
        known = self._fitted()
        return profile_of(self.scoring_, histories_of(known, user))

    def similar_items(self, item: int | str, k: int = 10) -> pl.DataFrame:
        """The items picked by the same people: item_id, rank, similarity.

        Similarity is the cosine of the vectors that decode P(consume), from -1 to 1; the neighbours
        of an item, which P(consume) hears as well, are not in it.
        """
        known = self._fitted()
        _check_k(k)
        vectors = self.scoring_.network.consume_out.cpu().numpy()
        unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        number = known.items.number(item)
        cosine = unit @ unit[number]
        cosine[number] = -np.inf
        best = np.argsort(-cosine, kind="stable")[: min(k, known.n_items - 1)]
        return pl.DataFrame(
            {
                "item_id": known.items.ids(best),
                "rank": np.arange(1, len(best) + 1, dtype=np.int32),
                "similarity": cosine[best],
            }
        )

    def kernels(self) -> pl.DataFrame:
        """What each rating level means to each channel, going in, and what it adds coming out.

        Columns: `level` ("unrated" last), the channels in (`consumed`, `liked`, ...), then what
        a unit of each rating channel adds to the level's logit (`liked_out`, ...).
        """
        known = self._fitted()
        network = self.scoring_.network
        into, out = network.kernel_in.cpu().numpy(), network.kernel_out.cpu().numpy()
        columns: dict[str, Any] = {"level": [*known.levels.labels, "unrated"]}
        names = channel_names(into.shape[1] - 1)
        columns |= {name: into[:, channel] for channel, name in enumerate(names)}
        for channel, name in enumerate(names[1:]):
            columns[f"{name}_out"] = [*out[channel].tolist(), None]
        return pl.DataFrame(columns)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Save the fitted model: safetensors files and a JSON manifest, all or nothing.

        Raises:
            SavedModelError: The folder holds something else, or cannot be written.
        """
        interactions = self._fitted()
        options = {
            "preset": self.preset,
            "seed": self.seed,
            "like_threshold": self.like_threshold,
            "settings": self.settings,
        }
        with contextlib.suppress(SettingError):  # as in `fit`
            self._norms()
        save_model(folder, self.fitted_, interactions, options, self._norms_by_level)

    @classmethod
    def load(
        cls, folder: str | os.PathLike[str], *, device: str = "cpu", max_memory_mb: float = 512.0
    ) -> Conv4Rec:
        """Load a saved model.

        Raises:
            SavedModelError: The folder is missing, foreign, or a file in it was changed.
        """
        fitted, interactions, options, norms = load_model(folder, device)
        settings = options.pop("settings")
        model = cls(device=device, max_memory_mb=max_memory_mb, **options, **settings)
        model._serve(fitted, interactions, norms)
        return model

    @property
    def config_(self) -> dict[str, Any]:
        """Everything that was settled: the shape of the network, training, the schedule found."""
        self._fitted()
        _, settings = configuration(self.preset, self.settings)
        served = self.fitted_.network.config
        return {
            "preset": self.preset,
            "network": asdict(self.fitted_.trained),
            "training": asdict(settings),
            "schedule": asdict(self.fitted_.schedule),
            "ensemble_weights": asdict(self.fitted_.ensemble_weights),
            "served": {"consume_size": served.consume_size, "rate_size": served.rate_size},
        }

    @property
    def n_parameters_(self) -> int:
        """How many weights were trained."""
        self._fitted()
        return self.fitted_.n_parameters

    def rank_scores(self, given: Interactions, rows: np.ndarray) -> np.ndarray:
        """For the evaluator (see `conv4rec.evaluate.Scorer`): log P(i | history)."""
        return self.rank_log_probabilities(given, rows)

    def rank_log_probabilities(self, given: Interactions, rows: np.ndarray) -> np.ndarray:
        """For the evaluator: log P(i | history), rows x items."""
        return self.scoring_.score(given, rows, with_ratings=False).log_p_consume

    def rating_probabilities(
        self, given: Interactions, rows: np.ndarray, items: np.ndarray
    ) -> np.ndarray:
        """For the evaluator: P(k | i, history) for parallel rows and items, pairs x levels."""
        people, places = np.unique(rows, return_inverse=True)
        encoding, _ = self.scoring_.encode(given, people, with_consume=False)
        return self.scoring_.rating_probabilities(encoding, places, items)

    def expected_ratings(
        self, given: Interactions, rows: np.ndarray, items: np.ndarray
    ) -> np.ndarray:
        """For the evaluator: the expected rating of parallel rows and items."""
        p_rating = self.rating_probabilities(given, rows, items)
        return expected_rating(p_rating, given.levels.values)

    def __repr__(self) -> str:
        state = repr(self.interactions_) if hasattr(self, "scoring_") else "not fitted"
        return f"Conv4Rec(preset={self.preset!r}, seed={self.seed}): {state}"


def _check_k(k: Any, name: str = "k", least: int = 1) -> None:
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < least:
        raise SettingError(f"{name} is a whole number of at least {least}; got {k!r}")


def _numbers(ids: Any, asked: pl.Series) -> np.ndarray:
    """The numbers of all ids, or the error of the first unknown one with its row."""
    numbers = ids.numbers(asked)
    if (numbers < 0).any():
        row = int(np.argmax(numbers < 0))
        try:
            ids.number(asked[row])
        except ids.unknown_error as error:
            raise ids.unknown_error(f"row {row + 1}: {error}") from None
    return numbers


def _check_asked(by: str, criteria: DiscoveryCriteria, limit_exposure: bool) -> None:
    """Raise if something is asked for that this kind of list does not read."""
    plain = DiscoveryCriteria(confidence=criteria.confidence)
    if by != "discover" and criteria != plain:
        raise SettingError(f"unlikely and min_p_like are of finds, by='discover'; got by={by!r}")
    if by not in UNCERTAIN_LISTS and not (plain == DiscoveryCriteria() and limit_exposure is True):
        kinds = ", ".join(UNCERTAIN_LISTS)
        raise SettingError(f"sure and limit_exposure are of lists by {kinds}; got by={by!r}")


def _warn_short(lists: Lists) -> None:
    question = lists.question
    reasons = ["the history is left out"] if question.exclude_seen else []
    if not question.allowed.all():
        reasons.append(f"allow and block leave {int(question.allowed.sum()):,} items")
    criteria = question.spec.criteria
    if question.spec.by == "discover" and (criteria.novelty or criteria.min_p_like != 0):
        reasons.append(criteria.why)
    why = " and ".join(reasons) or f"the catalogue has {len(question.allowed):,} items"
    none = f" ({lists.empty:,} of them empty)" if lists.empty else ""
    warnings.warn(
        f"{lists.short:,} of {lists.histories.n_users:,} lists are shorter than k={question.k}"
        f"{none}: {why}",
        stacklevel=4,  # the caller of `recommend`
    )
