"""Tables of a bench as Markdown, from its records alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from conv4rec.benchmark.markdown import (
    NO_RECORDS,
    label_table,
    quality_table,
    summary_table,
    type_tables,
)
from conv4rec.benchmark.records import slug
from conv4rec.benchmark.summary import by_target, datasets, left_out, rows_of, shares

PICTURES = {
    "time": "Quality against the time to fit",
    "reliability": "Reliability of P(like)",
    "levels": "Reliability of each rating's probability, our model",
    "lists": "Expected against achieved recall@20",
    "labels": "With fewer labels",
}
"""The pictures of a split, by the end of the file's name."""


def all_splits(records: list[dict[str, Any]], pictures: Path | None = None) -> str:
    """All splits, one after another.

    Args:
        records: Of any splits.
        pictures: Folder of the page and its pictures; None for no pictures.
    """
    parts = [one_split(records, name, pictures) for name in datasets(records)]
    return "\n\n".join(parts) or NO_RECORDS


def one_split(records: list[dict[str, Any]], dataset: str, pictures: Path | None = None) -> str:
    """Heading, table, missing models, label scarcity and pictures of one split."""
    dropped = shares(records, dataset)
    if not dropped:
        return NO_RECORDS
    rows = rows_of(records, dataset, dropped[0])
    sizes, seeds = rows[0].runs[0]["sizes"], max(len(row.seeds) for row in rows)
    parts = [
        f"### {dataset}",
        f"{sizes['users']:,} users, {sizes['items']:,} items, {sizes['levels']} levels; "
        f"{sizes['train']:,} training interactions, {sizes['test']:,} in the test; "
        f"{seeds} seed{'s' if seeds > 1 else ''}.",
        type_tables(rows) or quality_table(rows),
    ]
    parts += (
        ["\n".join(f"- {text}" for text in missing)]
        if (missing := left_out(records, dataset))
        else []
    )
    parts += [label_table(records, dataset)] if len(dropped) > 1 else []
    for kind, title in PICTURES.items():
        name = f"{slug(dataset)}-{kind}.svg"
        if pictures is not None and (pictures / name).is_file():
            parts.append(f"![{title}, {dataset}]({name})")
    return "\n\n".join(parts)


def summaries(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of every table, for programs."""
    found = []
    for dataset in datasets(records):
        for share in shares(records, dataset):
            for row in rows_of(records, dataset, share):
                names = ["ndcg@20", "recall@20", "rmse", "nll", "rps", "ece"]
                if types := by_target([row]):
                    names = [name for found_of in types.values() for name in found_of.values()]
                metrics = {name: row.metric(name) for name in names}
                found.append(
                    {
                        "dataset": dataset,
                        "drop_labels": share,
                        "model": row.model,
                        "seeds": row.seeds,
                        "is_tuned": row.is_tuned,
                        "distribution": row.runs[0]["distribution"],
                        "metrics": {n: m and {"mean": m.mean, "spread": m.spread}
                                    for n, m in metrics.items()},
                        "differences": (row.comparison or {}).get("differences"),
                        **{n: row.cost(n) for n in ("fit_s", "score_s", "peak_rss_mb")},
                    }
                )  # fmt: skip
    return found


def fill(text: str, records: list[dict[str, Any]], pictures: Path | None = None) -> str:
    r"""Write the tables between their markers, `<!-- bench NAME -->` and `<!-- end bench -->`.

    NAME is "all", "summary" or a split.

    >>> fill("Look: <!-- bench all -->old<!-- end bench -->", [])
    'Look: <!-- bench all -->\nNo records yet: `conv4rec bench` makes them.\n<!-- end bench -->'
    """

    def made(found: re.Match[str]) -> str:
        name = found[1]
        if name == "all":
            part = all_splits(records, pictures)
        elif name == "summary":
            part = summary_table(records)
        else:
            part = one_split(records, name, pictures)
        return f"<!-- bench {name} -->\n{part}\n<!-- end bench -->"

    return re.sub(r"<!-- bench (\S+) -->.*?<!-- end bench -->", made, text, flags=re.DOTALL)


def fill_pages(records: list[dict[str, Any]], folder: Path) -> list[Path]:
    """Fill the Markdown pages of a folder that have markers; returns those that changed."""
    changed = []
    for page in sorted(folder.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        filled = fill(text, records, folder)
        if filled != text:
            page.write_text(filled, encoding="utf-8")
            changed.append(page)
    return changed
