"""What a model means, in words: its kernels, and what it sees in one person."""

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
        sheet = Table(["level", "given", ""], ("level", ""))
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


MOST_PARTS = 20  # of a history shown on the screen: --json has them all
SCORES = {
    "consume": "log P(pick) less its mean over the items left",
    "like": "the log-odds of P(like)",
    "discover": "the log-odds of what P(like) exceeds as surely as finds must",
}


def show_parts(parts: pl.DataFrame, by: str, name: str) -> None:
    """Print what an item's score is made of, as `Conv4Rec.explain` gives it."""
    from math import exp

    base, said = parts["contribution"][0], parts[1:]
    score = float(parts["contribution"].sum())
    meaning = (
        f"{exp(score):.3g} times as likely as a typical item"
        if by == "consume"
        else f"a chance of {1 / (1 + exp(-score)):.0%}"
    )
    say(f"{name}: {SCORES[by]} is {score:+.2f}, {meaning}.")
    say(f"{base:+.2f} of it whatever the history; each item of the history adds:")
    if said.height > MOST_PARTS:
        half = MOST_PARTS // 2
        say(f"(the {half} that speak most for it, and the {half} most against)", indent=2)
        said = said.head(half).vstack(said.tail(half))
    sheet = Table(["item_id", "title", "rated", "adds"], ("item_id", "title"), "title")
    for row in said.iter_rows(named=True):
        rated = "-" if row["rating"] is None else f"{row['rating']:g}"
        sheet.add(str(row["item_id"]), row.get("title") or "", rated, f"{row['contribution']:+.3f}")
    sheet.show()


def show_reasons(frame: pl.DataFrame, titles: Mapping[Any, str]) -> None:
    """Print the reasons of a list, if it has any: one line an item."""
    columns = [name for name in frame.columns if name.startswith("reason_") and name[-1].isdigit()]
    if not columns:
        return
    many = frame["user_id"].n_unique() > 1
    say()
    say("Because of, in order:")
    for row in frame.head(MOST_PARTS).iter_rows(named=True):
        told = [titles.get(row[name], str(row[name])) for name in columns if row[name] is not None]
        whose = f"{row['user_id']} " if many else ""
        say(f"{whose}{row['rank']}. {'; '.join(told) or 'nothing in the history'}", indent=2)


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
