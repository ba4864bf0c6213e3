"""Altered model folders: each is refused in one sentence, or answers every question."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from conv4rec import Conv4Rec
from conv4rec.data.synthetic import low_rank_world, two_tribes
from conv4rec.recommender.list_scores import ORDERS
from research.campaigns.alterations import Saved, altered
from research.campaigns.outcomes import Outcomes

TINY: dict[str, Any] = {
    "n_steps": 4,
    "consume_size": 6,
    "rate_size": 4,
    "consume_reg_factors": (1.0,),
}
QUESTIONS = 2  # to each folder that is loaded
MF: dict[str, Any] = {
    "mf_sweeps": 12,
    "mf_draws": 3,
    "mf_factors": 3,
    "mf_features": 3,
    "slim_neighbours": 3,
}


def base_models(place: Path) -> list[Saved]:
    """Small models of every shape that can be saved."""
    rng = np.random.default_rng(5)
    world = low_rank_world(25, 14, popularity=0.7, seed=3).sample(7, rng)
    unrated = pl.DataFrame({"user_id": ["a", "a", "b", "c"], "item_id": ["x", "y", "x", "z"]})
    stamped = world.to_frame().with_columns(timestamp=pl.int_range(pl.len()))
    models = [
        Conv4Rec(**TINY, **MF).fit(stamped),
        Conv4Rec(**TINY, mf_draws=0, slim_neighbours=0, two_sided=False).fit(unrated),
        Conv4Rec(preset="paper", **{**TINY, "like_threshold": 2}).fit(
            two_tribes().sample(5, rng).to_frame()
        ),
    ]
    n = 200
    shop = {
        "user_id": [f"u{number}" for number in rng.integers(0, 20, n)],
        "item_id": rng.integers(0, 12, n),
        "type": rng.choice(["view", "cart", "buy"], n),
    }
    models += [
        Conv4Rec().fit(pl.DataFrame({**shop, "timestamp": rng.integers(10**9, 10**9 + 10**6, n)})),
        Conv4Rec(**TINY, **MF).fit(pl.DataFrame({**shop, "rating": rng.integers(1, 4, n) * 1.0})),
    ]
    found = []
    for number, model in enumerate(models):
        model.save(place / f"base-{number}")
        found.append(Saved.of(place / f"base-{number}"))
    return found


def use(model: Conv4Rec, rng: np.random.Generator, outcomes: Outcomes, seed: int, how: str) -> None:
    """Ask a loaded model a few questions: each answer is a number or one of our errors."""
    log = model.interactions_
    users, items = log.users.to_series(), log.items.to_series()
    if not len(users) or not len(items):
        outcomes.guarded(lambda: model.recommend(), seed, f"{how}: recommend")
        return
    user, item = users[int(rng.integers(len(users)))], items[int(rng.integers(len(items)))]
    asked = [partial(model.recommend, user, 3, by=by) for by in ORDERS]
    if model.events_ is not None:
        types = model.events_.log.types.names
        asked += [partial(model.recommend, user, 3, by=f"type:{name}") for name in types]
        asked += [
            lambda: model.recommend(user, 2, by="next", reasons=2),
            lambda: model.recommend({item: types[0]}, 2, by=f"type:{types[-1]}"),
            lambda: model.explain(user, item, by=f"type:{types[0]}"),
            lambda: str(model.events_.log.report) if model.events_ else "",
        ]
    pairs = pl.DataFrame({"user_id": [user] * len(items), "item_id": items})
    asked += [
        lambda: model.recommend({item: None}, 2, by="like"),
        lambda: model.recommend(user, 2, by="discover", min_p_like=0, reasons=2),
        lambda: model.predict(pairs, intervals=True),
        lambda: model.explain(user, item),
        lambda: model.explain({items[0]: None}, items[-1], by="consume"),
        lambda: model.profile(user),
        lambda: model.similar_items(item),
        lambda: model.kernels(),
        lambda: (repr(model), model.config_, str(log.report)),
    ]
    for number in rng.choice(len(asked), size=QUESTIONS, replace=False).tolist():
        question = asked[number]
        answer = outcomes.guarded(question, seed, f"{how}: question {number}")
        if isinstance(answer, pl.DataFrame) and {"p_consume", "score"} & set(answer.columns):
            values = answer.select(pl.col(pl.Float32, pl.Float64).fill_null(0)).to_numpy()
            if not np.isfinite(values).all():
                outcomes.fault("not finite", seed, f"{how}: question {number}")


def run_folders(numbers: range, seed: int, outcomes: Outcomes) -> None:
    """Alter, load and use a folder for each number."""
    with tempfile.TemporaryDirectory() as place:
        bases = base_models(Path(place))
        folder = Path(place) / "altered"
        folder.mkdir()
        for number in numbers:
            rng = np.random.default_rng([seed, number])
            saved, how = altered(bases[int(rng.integers(len(bases)))], rng)
            saved.write(folder)
            before = {path.name for path in folder.iterdir()}
            outcomes.counts["folders"] += 1
            model = outcomes.guarded(lambda: Conv4Rec.load(folder), number, f"{how}: load")
            outcomes.counts["refused" if model is None else "loaded"] += 1
            if model is not None:
                use(model, rng, outcomes, number, how)
            if {path.name for path in folder.iterdir()} != before:
                outcomes.fault("files left", number, how)
