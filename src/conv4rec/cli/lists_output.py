"""Tables of lists: what they look like, and whether they would be liked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conv4rec.benchmark.candidates import OURS
from conv4rec.cli.bench_output import interval
from conv4rec.cli.console import out, say
from conv4rec.cli.tables import Table, figure
from conv4rec.evaluate.item_lists import BY_RULE, KINDS
from conv4rec.evaluate.lists import NEUTRAL, RANKER
from conv4rec.evaluate.off_policy import MIN_HITS
from conv4rec.evaluate.uncertainty import Difference

POPULARITY = "popularity among equally active people"
RULE = "by rule"
"""Heading of our discoveries as the rule makes them."""
SHARE, NUMBER, COUNT, ONE = "share", "number", "count", "one"
ROWS = {
    "with_list": ("people with a list", SHARE),
    "active_without_list": ("20+ ratings, no list", SHARE),
    "length": ("items of a list", ONE),
    "items": ("different items", COUNT),
    "coverage": ("  of the catalogue", SHARE),
    "top_item": ("commonest, of lists", SHARE),
    "top_five": ("5 commonest, of places", SHARE),
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
"""What each figure is called on the screen, and how it is written."""


def show_lists(found: Mapping[str, Any], model: str = OURS) -> None:
    """Print what `bench.lists.evaluate_candidate_lists` found.

    Args:
        found: Figures of one model or several.
        model: Whose lists the others are compared with; the first if it is not there.
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
        f"\nPlaces, and what the rule may discover: by {_ranking(found['picks_by'])}. SNIPS: test "
        "ratings of listed items, each divided by its chance to be there; with a 95% interval over "
        f"people, from {MIN_HITS} such ratings on. docs/evaluation.md defines each figure."
    )


def _show_kind(found: Mapping[str, Any], kind: str, model: str) -> None:
    """One kind of list, a column a model; our discoveries also as the rule makes them."""
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
    """One column a model or a kind, as many side by side as fit."""
    names = list(columns)
    labels = max(len(label) for label, _ in ROWS.values()) + 2
    width = max(12 if differences else 11, *map(len, names)) + 2
    size = max(1, (out().width - labels) // width)
    for start in range(0, len(names), size):
        part = names[start : start + size]
        sheet = Table(["", *part], ("",))
        for key, (label, how) in ROWS.items():
            values = [columns[name][key] for name in part]
            if any(value is not None for value in values):
                sheet.add(label, *[_written(value, how) for value in values])
        shown = [columns[name]["liked_if_shown"] for name in part]
        sheet.add("liked if shown (SNIPS)", *[_estimate(each) for each in shown])
        for label, each in differences.items():
            if any(each.get(name) for name in part):
                sheet.add(label, *[_points(each.get(name)) for name in part])
        sheet.add("  test ratings of them", *[f"{each['hits']:,}" for each in shown])
        sheet.add("  as good as", *[f"{each['effective_hits']:,.0f}" for each in shown])
        sheet.add("  liked of these", *[_written(each["hits_liked"], SHARE) for each in shown])
        sheet.show()


def _show_unlikely(found: Mapping[str, Any], model: str) -> None:
    """Who liked what outside the likeliest picks: two lines a model, as in a bench."""
    models = {name: each for name, each in found["models"].items() if each["unlikely"]}
    if not models:
        return
    any_model = next(iter(models.values()))
    for judge, facts in any_model["unlikely"].items():
        by = _ranking(found["picks_by"] if judge == RANKER else NEUTRAL)
        liked = _written(facts["liked"], SHARE)
        say(
            f"\nOutside the {any_model['beyond']} likeliest picks by {by}, are likes told apart? "
            f"{facts['pairs']:,} test pairs of {facts['people']:,} people, {liked} liked:"
        )
        figures = ("auc", "auc_within", "ndcg@10")
        sheet = Table(["model", "AUC ↑", "AUC within people ↑", "NDCG@10 ↑"], ("model",), "model")
        for name, each in models.items():
            sheet.add(name, *[figure(each["unlikely"][judge][key], 4) for key in figures])
            there = found["differences"].get(name, {}).get("unlikely", {}).get(judge)
            if there:
                sheet.add(f"  − {model}", *[_interval(there.get(key)) for key in figures])
        sheet.show()


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
    return interval(Difference(found["mean"], found["low"], found["high"], 0.95, found["n_users"]))
