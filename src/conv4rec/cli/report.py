"""The command `report`: tables and pictures of a bench, from its records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from conv4rec.cli import options
from conv4rec.cli.console import note, print_json, raw


def report(
    folder: Annotated[str, typer.Argument(help="Folder of records.")] = "bench-records",
    out: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Draw pictures there, and fill pages with markers."),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Print the tables of a bench from its records alone, as Markdown, and draw its pictures.

    \b
    Example:
      conv4rec report bench-records
      conv4rec report bench-records --out pages
    """
    from conv4rec.benchmark.records import read_folder
    from conv4rec.benchmark.report import all_splits, fill_pages, summaries

    found = read_folder(Path(folder))
    pictures, pages = [], []
    if out is not None:
        from conv4rec.benchmark.report_pictures import draw_all

        target = Path(out)
        target.mkdir(parents=True, exist_ok=True)
        pictures = draw_all(found, target)
        pages = fill_pages(found, target)
    if as_json:
        print_json(
            {
                "tables": summaries(found),
                "pictures": [str(path) for path in pictures],
                "pages": [str(path) for path in pages],
            }
        )
        return
    raw(all_splits(found))
    for path in [*pictures, *pages]:
        note(f"written: {path}")
