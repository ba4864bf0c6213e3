"""What a model means, in words: its kernels, and what it sees in one person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from conv4rec.app.console import say
from conv4rec.app.pictures import Sheet, show_frame

if TYPE_CHECKING:
    import polars as pl

    from conv4rec.recommender import Conv4Rec, Profile


def show_kernels(served: Conv4Rec, kernels: pl.DataFrame) -> None:
    """Print what each rating level means to each channel, in and out."""
    into = [name for name in kernels.columns if not name.endswith("_out")]
    say("Going in: what one interaction of each level adds to each channel.")
    show_frame(kernels.select(into))
    out = [name for name in kernels.columns if name.endswith("_out")]
    if out:
        say("Coming out: what a unit of each channel adds to the logit of each level.")
        show_frame(kernels.select("level", *out).filter(kernels["level"] != "unrated"))
    schedule = served.fitted_.schedule
    say(
        f"Trained for {schedule.stops[0]} steps on what is picked and {schedule.stops[1]} on how "
        f"it is rated, as a held-out part of the log advised; {served.n_parameters_:,} parameters."
    )


def show_profile(profile: Profile, titles: Mapping[Any, str]) -> None:
    """Print one person as the model reads them."""
    say(
        f"User {profile.user_id}: {profile.n_interactions:,} interactions, "
        f"{profile.n_rated:,} of them rated."
    )
    if profile.n_rated:
        sheet = Sheet(["level", "given", ""], ("level", ""))
        most = max(profile.levels_used.values())
        for level, count in profile.levels_used.items():
            sheet.add(level, f"{count:,}", "█" * round(30 * count / most))
        sheet.show()
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
