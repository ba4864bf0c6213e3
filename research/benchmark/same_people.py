"""What it costs to be new: `python docs/bench/same_people.py ml-100k` prints two lines.

The people of `NAME/new-users` are answered for by a model that never met them, and by the same
model trained on the rows that they are known by, too. Both are measured on the same hidden rows,
seed 0.
"""

from __future__ import annotations

import sys

import polars as pl

from conv4rec import Conv4Rec, Interactions, evaluate_model
from conv4rec.data import Split, load_dataset
from conv4rec.data.splits import new_users_split

COLUMNS = ("rmse", "nll", "ndcg@20", "recall@20")


def main(name: str) -> None:
    """Fit without and with what the new people are known by."""
    everything = Interactions.from_frame(load_dataset(name).frame)
    split = new_users_split(everything)
    rows, hidden = everything.to_frame(), split.test.to_frame().select("user_id", "item_id")
    hidden = hidden.with_columns(is_hidden=pl.lit(True))
    rows = rows.join(hidden, on=["user_id", "item_id"], how="left", maintain_order="left")
    known = everything.select(rows["is_hidden"].is_null().to_numpy())
    sys.stdout.write(f"{'trained':8} {'  '.join(f'{c:>9}' for c in COLUMNS)}\n")
    for label, train in (("without", split.train), ("with", known)):
        model = Conv4Rec(seed=0).fit(train)
        found = evaluate_model(model, Split(name, train, split.given, split.test)).metrics
        sys.stdout.write(f"{label:8} {'  '.join(f'{found[c]:9.4f}' for c in COLUMNS)}\n")


if __name__ == "__main__":
    main(sys.argv[1])
