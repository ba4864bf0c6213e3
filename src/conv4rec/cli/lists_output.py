"""Tables of lists: their coverage, support and exposure, and whether they would be liked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conv4rec.cli.console import say
from conv4rec.cli.tables import Table, figure, interval
from conv4rec.evaluate.item_lists import BY_RULE, KINDS
from conv4rec.evaluate.lists import NEUTRAL, RANKER
from conv4rec.evaluate.off_policy import MIN_HITS

POPULARITY = "popularity among equally active users"
RULE = "by rule"
"""Heading of discoveries as the rule makes them."""
SHARE, NUMBER, COUNT, ONE = "share", "number", "count", "one"
ROWS = {
    "with_list": ("users with a list", SHARE),
    "active_without_list": ("20+ ratings, no list", SHARE),
    "length": ("items of a list", ONE),
    "items": ("different items", COUNT),
    "coverage": ("  of the catalogue", SHARE),
    "top_item": ("most listed item, of lists", SHARE),
    "top_five": ("5 most listed, of places", SHARE),
    "gini": ("Gini of exposure", NUMBER),
    "support": ("ratings of an item", COUNT),
    "low_support": ("  3 or fewer, of places", SHARE),
    "badly_rated": ("badly rated, of places", SHARE),
    "p_like": ("mean P(like)", SHARE),
    "interval_width": ("  its 90% interval, wide", SHARE),
    "novelty": ("novelty, bits", ONE),
    "diversity": ("diversity in a list", NUMBER),
    "overlap": ("overlap of two lists", SHARE),
    "consume_rank": ("consume rank", COUNT),
}
"""The label of each figure on the screen, and its format."""


def show_lists(found: Mapping[str, Any], model: str = "conv4rec") -> None:
    """Print what `evaluate.lists_record.record_lists` measured.

    Args:
        found: Figures of one model or several.
        model: The model that the others are compared with; the first if it is not there.
    """
    models = found["models"]
    model = model if model in models else next(iter(models))
    first = models[model]
    found = {**found, "models": {model: first} | models}
    if len(models) == 1:
        say(f"\nLists of {first['k']} by {model}, by kind:")
        kinds = {kind: figures for kind, figures in first["kinds"].items() if kind != BY_RULE}
        _show_columns(kinds, {})
    else:
        for kind in KINDS:
            if any(kind in each["kinds"] for each in models.values()):
                _show_kind(found, kind, model)
    _show_unlikely(found, model)
    say(
        f"\nPlaces, and the items that the rule may discover: by {_ranking(found['picks_by'])}. "
        "SNIPS: test ratings of listed items, each divided by its probability to be there; with a "
        f"95% interval over users, from {MIN_HITS} such ratings on. Definitions: "
        "docs/evaluation.md."
    )


def _show_kind(found: Mapping[str, Any], kind: str, model: str) -> None:
    """One kind of list, a column a model; the discoveries also as the rule makes them."""
    models, differences = found["models"], found["differences"]
    say(f"\nLists of {models[model]['k']}, {kind}:")
    columns = {name: each["kinds"][kind] for name, each in models.items() if kind in each["kinds"]}
    against = {f"  − {model}, points": kind}
    if kind == "discover" and BY_RULE in models[model]["kinds"]:
        ours = {model: columns.pop(model), RULE: models[model]["kinds"][BY_RULE]}
        columns = ours | columns
        against["  − by rule, points"] = BY_RULE
    lines = {
        label: {name: each["liked_if_shown"].get(other) for name, each in differences.items()}
        for label, other in against.items()
    }
    _show_columns(columns, lines)


def _show_columns(columns: Mapping[str, Any], differences: Mapping[str, Any]) -> None:
    """One column a model or a kind, one row a figure."""
    table = Table(["", *columns], ("",))
    for key, (label, how) in ROWS.items():
        values = [column[key] for column in columns.values()]
        if any(value is not None for value in values):
            table.add(label, *[_written(value, how) for value in values])
    liked = [column["liked_if_shown"] for column in columns.values()]
    table.add("liked if shown (SNIPS)", *[_estimate(each) for each in liked])
    for label, each in differences.items():
        if any(each.get(name) for name in columns):
            table.add(label, *[_points(each.get(name)) for name in columns])
    table.add("  test ratings of them", *[f"{each['hits']:,}" for each in liked])
    table.add("  effective number", *[f"{each['effective_hits']:,.0f}" for each in liked])
    table.add("  liked of these", *[_written(each["hits_liked"], SHARE) for each in liked])
    table.show()


def _show_unlikely(found: Mapping[str, Any], model: str) -> None:
    """Likes outside the items likeliest to be consumed: two rows a model, as in a bench."""
    models = {name: each for name, each in found["models"].items() if each["unlikely"]}
    if not models:
        return
    any_model = next(iter(models.values()))
    for basis, facts in any_model["unlikely"].items():
        by = _ranking(found["picks_by"] if basis == RANKER else NEUTRAL)
        liked = _written(facts["liked"], SHARE)
        say(
            f"\nLikes outside the {any_model['beyond']} likeliest items by {by}: "
            f"{facts['pairs']:,} test pairs of {facts['people']:,} users, {liked} liked."
        )
        figures = ("auc", "auc_within", "ndcg@10")
        table = Table(["model", "AUC ↑", "AUC within users ↑", "NDCG@10 ↑"], ("model",))
        for name, each in models.items():
            table.add(name, *[figure(each["unlikely"][basis][key], 4) for key in figures])
            there = found["differences"].get(name, {}).get("unlikely", {}).get(basis)
            if there:
                table.add(f"  − {model}", *[_interval(there.get(key)) for key in figures])
        table.show()


def _ranking(picks_by: str) -> str:
    return POPULARITY if picks_by == NEUTRAL else f"{picks_by}'s ranking"


def _written(value: float | None, how: str) -> str:
    if value is None:
        return "-"
    if how == SHARE:
        if 0 < value < 0.0005:
            return "<0.1%"
        return f"{value:.0%}" if value >= 0.0995 or value == 0 else f"{value:.1%}"
    if how == COUNT:
        return f"{value:,.0f}"
    return figure(value, 1 if how == ONE else 3)


def _estimate(found: Mapping[str, Any]) -> str:
    """A share with its interval, in whole percents."""
    if found["share"] is None:
        return "-"
    return f"{found['share']:.0%} ({100 * found['low']:.0f}-{100 * found['high']:.0f})"


def _points(found: Mapping[str, Any] | None) -> str:
    """A difference of shares with its interval, in points of a percent."""
    if not found:
        return ""
    mean, low, high = (f"{100 * found[name]:+.0f}" for name in ("mean", "low", "high"))
    return f"{mean} [{low},{high}]".replace("-", "−")


def _interval(found: Mapping[str, Any] | None) -> str:
    if not found:
        return ""
    return interval(found["mean"], found["low"], found["high"])
