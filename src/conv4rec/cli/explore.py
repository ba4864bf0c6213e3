"""The command `explore`: one person's answers as one page that needs no server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from conv4rec.cli import options
from conv4rec.cli.console import print_json, say
from conv4rec.cli.reading import reads_tables
from conv4rec.errors import DataError, SettingError


@reads_tables
def explore(
    model: options.Model,
    out: Annotated[str, typer.Option(metavar="FILE", help="The page to write, a .html file.")],
    user: options.User = None,
    history: options.History = None,
    k: Annotated[int, typer.Option("-k", help="Items of each list.")] = 8,
    novelty: options.Novelty = options.NOVELTY,
    confidence: options.Confidence = options.CONFIDENCE,
    titles: options.Titles = None,
    as_json: options.AsJson = False,
    *,
    reading: dict[str, Any],
) -> None:
    """Write the explorer's page of one person to a file that opens without a network.

    It has every item at P(consume) and P(like), the picks and the discoveries, how sure they
    are and why. `conv4rec serve` gives the same page with histories to change.

    \b
    Example:
      conv4rec explore my-model --user 42 --out ann.html --titles items.csv
    """
    from conv4rec.cli import parsing, service
    from conv4rec.recommender.discovery import DiscoveryCriteria
    from conv4rec.recommender.views.person import person_view
    from conv4rec.recommender.views.subject import Subject
    from conv4rec.recommender.views.whole_model import catalogue_view
    from conv4rec.serve.explorer.saved_page import saved_page
    from conv4rec.storage.atomic import write_file

    if (user is None) == (history is None):
        raise SettingError("a page is of one person: give --user or --history")
    target = Path(out)
    if target.suffix.lower() != ".html":
        raise SettingError(f"--out writes a .html page; got {target.name!r}")
    if target.is_dir() or not target.absolute().parent.is_dir():
        raise DataError(f"{out} cannot be written: give a file in a folder that exists")
    served = service.load_model(model)
    whom = service.users_from_words(served, [user] if user else None, history, reading)
    if not served.has_ratings:
        raise SettingError(
            f"explore --out draws ratings, and {model} is of types alone: look at it with "
            f"conv4rec serve {model}"
        )
    found = served.histories(whom)
    if found.n_users != 1:
        raise SettingError(f"a page is of one person: the history has {found.n_users:,}")
    criteria = DiscoveryCriteria(parsing.number_or_word(novelty), confidence)
    names = service.load_titles(titles, served.check_fitted().items, reading)
    views = {
        "catalogue": catalogue_view(served, names),
        "person": person_view(served, Subject.of(found), k, criteria, every_detail=True),
    }
    name = Path(model).absolute().name
    write_file(target, saved_page(name, str(found.users.to_series()[0]), views).encode())
    n_found = views["person"].tables["discover"].height
    if as_json:
        print_json({"out": out, "items": found.n_items, "discoveries": n_found})
    else:
        say(f"Wrote {found.n_items:,} items and {n_found} discoveries to {out}.")
