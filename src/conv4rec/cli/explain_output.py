"""Explanations on the screen: kernels, a user's profile, contributions to a score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from conv4rec.cli.console import say
from conv4rec.cli.tables import Table, show_frame

if TYPE_CHECKING:
    import polars as pl

    from conv4rec.recommender import Conv4Rec, Profile


def show_kernels(served: Conv4Rec, kernels: pl.DataFrame) -> None:
    """Print the input and output kernels, one row a rating level."""
    into = [name for name in kernels.columns if not name.endswith("_out")]
    say("Input kernel: what one interaction of each level adds to each channel.")
    show_frame(kernels.select(into))
    out = [name for name in kernels.columns if name.endswith("_out")]
    if out:
        say("Output kernel: what a unit of each channel adds to the logit of each level.")
        show_frame(kernels.select("level", *out).filter(kernels["level"] != "unrated"))
    schedule = served.fitted_.schedule
    say(
        f"Trained for {schedule.stops[0]} steps on what is consumed and {schedule.stops[1]} on how "
        f"it is rated, as chosen on held-out rows; {served.n_parameters_:,} parameters."
    )


def show_profile(profile: Profile, titles: Mapping[Any, str]) -> None:
    """Print the profile of one user."""
    say(
        f"User {profile.user_id}: {profile.n_interactions:,} interactions, "
        f"{profile.n_rated:,} of them rated."
    )
    if profile.n_rated:
        table = Table(["level", "given", ""], ("level", ""))
        most = max(profile.levels_used.values())
        for level, count in profile.levels_used.items():
            table.add(level, f"{count:,}", "█" * round(30 * count / most))
        table.show()
        kind = "generous" if profile.generosity > 0 else "strict"
        say(
            f"Rates {abs(profile.generosity):.2f} {'above' if kind == 'generous' else 'below'} "
            f"others on the same items ({kind}), and is {_polarised(profile.polarisation)}."
        )
    say()
    say("Main directions of taste, strongest first, with the items at their ends:")
    for number, direction in enumerate(profile.directions, start=1):
        named = "; ".join(titles.get(id, str(id)) for id in direction.items)
        say(f"{number}. ({direction.strength:.2f}) {named}", indent=2)


MOST_PARTS = 20  # items of a history on the screen; --json has them all
SCORES = {
    "consume": "log P(consume) less its mean over the unseen items",
    "like": "the log-odds of P(like)",
    "discover": "the log-odds of the value that P(like) exceeds with the asked confidence",
}


def show_contributions(parts: pl.DataFrame, by: str, name: str) -> None:
    """Print the contributions to an item's score, as `Conv4Rec.explain` gives them."""
    from math import exp

    base, inputs = parts["contribution"][0], parts[1:]
    score = float(parts["contribution"].sum())
    meaning = (
        f"{exp(score):.3g} times as likely as a typical item"
        if by == "consume"
        else f"a probability of {1 / (1 + exp(-score)):.0%}"
    )
    say(f"{name}: {SCORES[by]} is {score:+.2f}, {meaning}.")
    say(f"{base:+.2f} of it without the history (the baseline); each item of the history adds:")
    if inputs.height > MOST_PARTS:
        half = MOST_PARTS // 2
        say(f"(the {half} that add most, and the {half} that add least)", indent=2)
        inputs = inputs.head(half).vstack(inputs.tail(half))
    table = Table(["item_id", "title", "rated", "adds"], ("item_id", "title"), "title")
    for row in inputs.iter_rows(named=True):
        rated = "-" if row["rating"] is None else f"{row['rating']:g}"
        table.add(str(row["item_id"]), row.get("title") or "", rated, f"{row['contribution']:+.3f}")
    table.show()


def profile_facts(profile: Profile, titles: Mapping[Any, str]) -> dict[str, Any]:
    """A profile for JSON, with titles where they are known."""
    facts = asdict(profile)
    for direction in facts["directions"]:
        if titles:
            direction["titles"] = [titles.get(id) for id in direction["items"]]
    return facts


def _polarised(amount: float) -> str:
    if abs(amount) < 0.1:
        return "about as extreme as others"
    return f"{'more extreme' if amount > 0 else 'more lukewarm'} than others ({amount:+.2f} sd)"
