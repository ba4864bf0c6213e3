"""Altered tables: each is read, or refused in one sentence."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from conv4rec.data import Interactions
from research.campaigns.alterations import altered_bytes
from research.campaigns.outcomes import Outcomes


def base_tables(place: Path) -> list[Path]:
    """The same small log in several formats."""
    log = pl.DataFrame(
        {
            "user_id": ["ann", "ann", "bob", "çyd", "7"] * 3,
            "item_id": list(range(15)),
            "rating": [1.0, 2.5, None, 4.0, 5.0] * 3,
            "timestamp": range(1_600_000_000, 1_600_000_015),
            "title": ['a, "b"', "c;d", "e\tf", "", "g"] * 3,
        }
    )
    log.write_csv(place / "a.csv")
    log.write_csv(place / "b.csv", separator=";", include_bom=True)
    log.write_csv(place / "c.tsv", separator="\t", quote_style="always")
    log.write_parquet(place / "d.parquet")
    log.write_parquet(place / "e.parquet", compression="uncompressed")
    numbers = log.select(pl.int_range(pl.len()), "item_id", "rating", "timestamp").drop_nulls()
    numbers.write_csv(place / "u.data", separator="\t", include_header=False)
    rows = ["::".join(map(str, row)) for row in numbers.iter_rows()]
    (place / "ratings.dat").write_text("\n".join(rows))
    head = "user_id:token\titem_id:token\trating:float\n"
    lines = [f"{user}\t{item}\t{rating or 1}" for user, item, rating, *_ in log.iter_rows()]
    (place / "g.inter").write_text(head + "\n".join(lines), encoding="utf-8")
    return sorted(place.iterdir())


def run_tables(numbers: range, seed: int, outcomes: Outcomes) -> None:
    """Alter and read a file for each number."""
    with tempfile.TemporaryDirectory() as place:
        bases = [(path, path.read_bytes()) for path in base_tables(Path(place))]
        for number in numbers:
            rng = np.random.default_rng([seed, number])
            path, data = bases[int(rng.integers(len(bases)))]
            path.write_bytes(altered_bytes(data, rng))
            outcomes.counts["tables"] += 1
            log = outcomes.guarded(
                lambda path=path: Interactions.from_frame(path), number, path.name
            )
            outcomes.counts["refused" if log is None else "read"] += 1
            if log is not None:
                outcomes.guarded(
                    lambda log=log: (str(log.report), log.to_frame()), number, path.name
                )
            path.write_bytes(data)
        if len(list(Path(place).iterdir())) != len(bases):
            outcomes.fault("files left", seed, "tables")
