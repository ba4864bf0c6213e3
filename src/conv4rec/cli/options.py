"""The options that several commands share: each is described once."""

from __future__ import annotations

from typing import Annotated

import typer

Model = Annotated[str, typer.Argument(metavar="MODEL", help="Folder of a saved model.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object, as the last line, for programs.")
]
Seed = Annotated[
    int, typer.Option(min=0, help="Of every random draw: the same seed, the same model.")
]
Device = Annotated[str, typer.Option(help="cpu, or what torch calls an accelerator: cuda.")]
Threads = Annotated[
    int | None, typer.Option(help="Threads to use; by default as many as torch likes.")
]
Preset = Annotated[
    str, typer.Option(help="default, the best we have; paper, the closest to the abstract.")
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="Change a setting (repeatable); see docs: names."
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        metavar="ROLE=NAME,...", help="What a file calls its columns: user_id=client,item_id=sku."
    ),
]
LevelList = Annotated[
    str | None,
    typer.Option(
        "--levels", metavar="1,2,3,4,5", help="The rating scale; by default the ratings found."
    ),
]
Titles = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|NAME", help="Titles of items: a table with item_id and title, or a data set."
    ),
]
History = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="A log of people who were not in training."),
]
Out = Annotated[
    str | None, typer.Option(metavar="FILE", help="Write the table to a .csv or .parquet file.")
]
Novelty = Annotated[
    str,
    typer.Option(
        metavar="CHANCE|N|median",
        help="Finds come up alone with less chance, or are outside the top N, or below the median.",
    ),
]
Confidence = Annotated[
    float,
    typer.Option(
        help="Lists by like, rating and discover go by what P(like), or the rating, surely exceeds."
    ),
]
MinLike = Annotated[
    float | None,
    typer.Option("--min-p-like", help="P(like) of a find is at least this; 0 for any."),
]
LimitExposure = Annotated[
    bool,
    typer.Option(
        "--limit-exposure/--no-limit-exposure",
        help="Keep an item out of most people's lists by like, rating and discover.",
    ),
]
