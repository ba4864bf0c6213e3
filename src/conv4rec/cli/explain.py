"""The command `explain`: kernels, a user's profile, and the contributions to a score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from conv4rec.cli import options
from conv4rec.cli.console import print_json
from conv4rec.cli.reading import reads_tables
from conv4rec.errors import SettingError

if TYPE_CHECKING:
    from conv4rec.recommender import Conv4Rec


@reads_tables
def explain(
    model: options.Model,
    user: options.User = None,
    history: options.History = None,
    item: Annotated[
        str | None, typer.Option(help="Explain the score of this item for the user.")
    ] = None,
    by: Annotated[
        str, typer.Option(help="Of --item: which score, consume, like, discover, or a type.")
    ] = "like",
    titles: options.Titles = None,
    as_json: options.AsJson = False,
    *,
    reading: dict[str, Any],
) -> None:
    """The kernels of a model; the profile of a user; why an item's score is what it is.

    \b
    Example:
      conv4rec explain my-model
      conv4rec explain my-model --user 42 --titles items.csv
      conv4rec explain my-model --user 42 --item 7 --by consume
      conv4rec explain shop --user ann --item lamp --by buy
    """
    from conv4rec.cli import service
    from conv4rec.cli.event_output import show_associations
    from conv4rec.cli.explain_output import profile_facts, show_kernels, show_profile

    if user is not None and history is not None:
        raise SettingError("explain is of one user: give --user or --history, not both")
    if item is not None and user is None and history is None:
        raise SettingError("--item is explained for a user: give --user or --history too")
    served = service.load_model(model)
    person = service.users_from_words(
        served, [user] if user is not None else None, history, reading
    )
    names = service.load_titles(titles, served.interactions_.items, reading)
    if item is not None:
        _explain_item(served, person, item, by, names, as_json)
        return
    kernels = served.kernels()
    if person is None:
        if as_json:
            print_json({"model": model, "kernels": kernels.to_dicts()})
        elif served.events_ is not None:
            show_associations(kernels)
        else:
            show_kernels(served, kernels)
        return
    profile = served.profile(person)
    if as_json:
        facts = {"model": model, "kernels": kernels.to_dicts()}
        print_json({**facts, "profile": profile_facts(profile, names)})
    else:
        show_profile(profile, names)


def _explain_item(
    served: Conv4Rec, person: Any, item: str, by: str, names: dict[Any, str], as_json: bool
) -> None:
    from conv4rec.cli import parsing
    from conv4rec.cli.event_output import show_event_contributions
    from conv4rec.cli.explain_output import show_contributions
    from conv4rec.data.titles import with_titles

    number = parsing.id_from_text(item, served.interactions_.items)
    parts = served.explain(person, number, by=by)
    parts = with_titles(parts, names)
    if as_json:
        score = float(parts["contribution"].sum())
        print_json({"item_id": number, "by": by, "score": score, "parts": parts.to_dicts()})
    elif "type" in parts.columns:
        show_event_contributions(parts, by, names.get(number, f"item {number}"))
    else:
        show_contributions(parts, by, names.get(number, str(number)))
