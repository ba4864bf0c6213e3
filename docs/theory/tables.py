"""Write the tables of these pages from the records: `python docs/theory/tables.py`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NEW_USERS, SAME_USERS = "ml-100k-new-users", "ml-100k-u1"
NAMES = {
    "squared_error": "squared rating error",
    "rating_log_loss": "log-loss of the rating",
    "pick_log_loss": "log-loss of the pick",
}


def record(name: str) -> dict[str, Any]:
    """One run, as a command printed it with --json."""
    return json.loads((HERE / "records" / f"{name}.json").read_text(encoding="utf-8"))


def table(header: str, rows: list[list[str]]) -> str:
    """A Markdown table; numbers are set right but in the first column."""
    names = header.split(" | ")
    lines = [names, ["---", *["---:"] * (len(names) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def bound() -> str:
    """Every bound beside the gap, in both settings."""
    new, same = record(f"bound-{NEW_USERS}"), record(f"bound-{SAME_USERS}")
    rows = [
        [a["name"], f"{a['value']:,.2f}", f"{b['value']:,.2f}", f"{a['trivial']:.2f}",
         "vacuous" if a["vacuous"] and b["vacuous"] else "see values"]
        for a, b in zip(new["bounds"], same["bounds"], strict=True)
    ]  # fmt: skip
    gaps = [f"{each['measured']['gap']:+.3f}" for each in (new, same)]
    rows.insert(0, ["**measured gap, nats**", *gaps, "", ""])
    head = "MovieLens 100K, seed 0 | new-users (A) | u1 (B) | trivial | verdict"
    sides = [
        f"{where}: training loss {m['training']:.3f} on {m['n']:,}, fresh {m['fresh']:.3f} on "
        f"{m['n_fresh']:,}"
        for where, m in (("new-users", new["measured"]), ("u1", same["measured"]))
    ]
    return table(head, rows) + "\n\n" + "; ".join(sides) + ". The trace norm is in squared stars."


def certify() -> str:
    """The four promises by three methods, and the bound without held-out users."""
    found = record(f"certify-{NEW_USERS}")
    rows = [
        [f"{NAMES.get(p['name'], p['name'])} ({p['side']})", f"{p['mean']:.3f}",
         *[f"{p[method]:.3f}" for method in ("betting", "bernstein", "hoeffding")], str(p["n"])]
        for p in found["promises"]
    ]  # fmt: skip
    text = "MovieLens 100K, `new-users` split, seed 0, 95% together:\n\n"
    text += table("per user | mean | betting | Bernstein | Hoeffding | users", rows)
    blurred = record(f"pac-bayes-{NEW_USERS}")["pac_bayes"]
    chosen, tuned = blurred["chosen"], blurred["fine_tuned"]
    return text + (
        f"\n\nPAC-Bayes, on the training users and nobody else: recall@{blurred['k']} at least "
        f"{chosen['recall_at_least']:.3f} at width {blurred['width']:g} and {blurred['share']:.0%} "
        f"of the way to the fine-tuned weights (KL {chosen['kl']:.1f} nats); at the fine-tuned "
        f"weights themselves at least {tuned['recall_at_least']:.3f} (KL {tuned['kl']:.0f} nats)."
    )


def recover() -> str:
    """TV by world at the largest sample, and the slopes."""
    rows, sentences = [], []
    for world in record("recover")["worlds"]:
        points = world["points"]
        largest = max(point["interactions"] for point in points)
        last = [point for point in points if point["interactions"] == largest]
        means = [sum(p[c] for p in last) / len(last) for c in ("model", "table", "popularity")]
        slope = world["slopes"]["model"]
        interval = f"{slope['slope']:+.3f} [{slope['low']:+.3f}, {slope['high']:+.3f}]"
        rows.append([world["world"], *[f"{mean:.3f}" for mean in means], interval])
        sentences.append(f"- {world['world']}: {world['verdict']}.")
        if points[0]["wanted"] is not None:
            wanted = sum(p["wanted"] for p in last) / len(last)
            sentences.append(f"  Against the law before selection it stays at {wanted:.3f}.")
    head = "TV at 28,800 interactions, 3 seeds | Conv4Rec | user's table | popularity | slope"
    return table(head, rows) + "\n\n" + "\n".join(sentences)


def emergence() -> str:
    """Rank and loss by depth."""
    found = record("emergence")
    rows = [
        [str(run["depth"]), f"{run['best']['entropy_rank']:.2f}",
         f"{run['best']['stable_rank']:.2f}", f"{run['best_loss']:.3f}",
         f"{run['entropy_ranks'][-1]:.2f}"]
        for run in found["runs"]
    ]  # fmt: skip
    truth = found["truth"]
    rows.append(["truth", f"{truth['entropy_rank']:.2f}", f"{truth['stable_rank']:.2f}",
                 f"{truth['entropy']:.3f}", ""])  # fmt: skip
    return table("factors | entropy rank | stable rank | expected loss | rank at the end", rows)


def spectrum() -> str:
    """Ranks of the maps of a trained model."""
    rows = [
        [row["map"], str(row["rank"]), f"{row['stable_rank']:.2f}", f"{row['entropy_rank']:.1f}",
         f"{row['largest']:.2f}"]
        for row in record(f"spectrum-{SAME_USERS}")["spectra"]
    ]  # fmt: skip
    return table("ml-100k/u1, seed 0 | rank | stable | entropy | largest singular value", rows)


def main() -> None:
    """Fill the pages between their markers."""
    parts = {each.__name__: each for each in (bound, certify, recover, emergence, spectrum)}
    for page in sorted(HERE.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        for name, part in parts.items():
            pattern = rf"<!-- {name} -->\n.*?<!-- end -->"
            if re.search(pattern, text, flags=re.DOTALL):
                made = f"<!-- {name} -->\n{part()}\n<!-- end -->"
                text = re.sub(pattern, lambda _, made=made: made, text, flags=re.DOTALL)
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
