"""The options that several commands share, each described once."""

from __future__ import annotations

from typing import Annotated

import typer

# As in the library, which is not loaded for --help; a test compares them.
CONFIDENCE, NOVELTY = 0.8, "0.9"
ORDERS = "consume, like, rating, consume_and_like, discover"

Model = Annotated[str, typer.Argument(metavar="MODEL", help="Folder of a saved model.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object, as the last line, for programs.")
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of all random draws.")]
Device = Annotated[str, typer.Option(help="cpu, or torch's name of an accelerator, such as cuda.")]
Threads = Annotated[int | None, typer.Option(help="Number of threads; by default torch's.")]
Preset = Annotated[
    str,
    typer.Option(
        help="default, the most accurate; fast, a seventh of its cost; paper, the closest to the "
        "abstract."
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="Change a setting (repeatable); see docs: names."
    ),
]
NoTypes = Annotated[
    bool, typer.Option("--no-types", help="Do not read the column for the type of an event.")
]
Exclusive = Annotated[
    list[str] | None,
    typer.Option(
        metavar="A,B", help="Types of which the last on an item counts: like,dislike (repeatable)."
    ),
]
Repeats = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TYPE=yes|no", help="Whether a type may come again on an item (repeatable)."
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
User = Annotated[str | None, typer.Option(help="A user of the training data.")]
History = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="A log of users who were not in training; - for a pipe."),
]
Out = Annotated[
    str | None, typer.Option(metavar="FILE", help="Write the table to a .csv or .parquet file.")
]
Novelty = Annotated[
    str,
    typer.Option(
        metavar="P|N|median",
        help="Discoveries are items that the user misses with probability P or more, or that are "
        "outside the N likeliest, or below the median.",
    ),
]
Confidence = Annotated[
    float,
    typer.Option(
        help="Lists by like, rating and discover are ranked by the value that P(like), or the "
        "rating, exceeds with this probability."
    ),
]
MinLike = Annotated[
    float | None,
    typer.Option("--min-p-like", help="Least P(like) of a discovery; 0 for any."),
]
LimitExposure = Annotated[
    bool,
    typer.Option(
        "--limit-exposure/--no-limit-exposure",
        help="Keep an item out of most users' lists by like, rating and discover.",
    ),
]
NamedSplit = Annotated[
    str | None,
    typer.Option("--dataset", metavar="NAME/SPLIT", help="A named split, such as ml-100k/u1."),
]
OwnData = Annotated[
    str | None,
    typer.Option("--data", metavar="FILE", help="Instead of a named split: your own ratings."),
]
SplitKind = Annotated[str, typer.Option(help="Of --data: r0 (or any seed), time, new-users.")]
