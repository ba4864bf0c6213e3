"""What it costs to be a new user: `python -m research.benchmark.new_users ml-100k`.

One model is trained without the users of `NAME/new-users`, one with the rows that these users are
given at inference. Both are measured on the same test rows, with seed 0.
"""

from __future__ import annotations

import sys

import polars as pl

from conv4rec import Conv4Rec, Interactions
from conv4rec.cli.console import fail, raw
from conv4rec.data import Split, load_dataset
from conv4rec.data.splits import new_users_split
from conv4rec.errors import Conv4RecError
from conv4rec.recommender import evaluate_model

COLUMNS = ("rmse", "nll", "ndcg@20", "recall@20")


def compare(name: str) -> None:
    """Fit without and with the given rows of the new users; print one line for each."""
    everything = Interactions.from_frame(load_dataset(name).frame)
    split = new_users_split(everything)
    rows, test = everything.to_frame(), split.test.to_frame().select("user_id", "item_id")
    test = test.with_columns(is_test=pl.lit(True))
    rows = rows.join(test, on=["user_id", "item_id"], how="left", maintain_order="left")
    with_given = everything.select(rows["is_test"].is_null().to_numpy())
    raw(f"{'trained':8} {'  '.join(f'{column:>9}' for column in COLUMNS)}")
    for label, train in (("without", split.train), ("with", with_given)):
        model = Conv4Rec(seed=0).fit(train)
        found = evaluate_model(model, Split(name, train, split.given, split.test)).metrics
        raw(f"{label:8} {'  '.join(f'{found[column]:9.4f}' for column in COLUMNS)}")


def main(arguments: list[str]) -> int:
    """Run the command line; returns its exit code: 0, or 2 for a mistake."""
    if len(arguments) != 1:
        fail("name one data set: python -m research.benchmark.new_users ml-100k")
        return 2
    try:
        compare(arguments[0])
    except Conv4RecError as error:
        fail(str(error))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
