"""Write the tables of these pages from the records: `python docs/theory/tables.py`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DATA = {"ml-100k": ("MovieLens 100K", "u1"), "ml-1m": ("MovieLens 1M", "r0")}
CURVES = ("model", "table", "popularity", "pooled")
NAMES = {
    "squared_error": "squared rating error",
    "rating_log_loss": "log-loss of the rating",
    "consume_log_loss": "log-loss of the pick",
}


def load(name: str) -> dict[str, Any] | None:
    """One record: what a command said, and its receipt; None if it was not made yet."""
    path = HERE / "records" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def table(header: str, rows: list[list[str]]) -> str:
    """A Markdown table; numbers are set right but in the first column."""
    names = header.split(" | ")
    lines = [names, ["---", *["---:"] * (len(names) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def receipt(record: dict[str, Any]) -> str:
    """Where, when and with what it was made, in one line."""
    facts = record["receipt"]
    fit = f" (fit {facts['fit_seconds']:,.0f} s)" if "fit_seconds" in facts else ""
    return (
        f"`{facts['command']}`: {facts['seconds']:,.0f} s{fit}, seed {facts['seed']}, conv4rec "
        f"{facts['versions']['conv4rec']} at {facts['commit']}, torch "
        f"{facts['versions']['torch']}, {facts['machine']['cpu']}, {facts['finished_at'][:10]}."
    )


def missing(data: str) -> str:
    """What stands where a record is not there."""
    return f"{DATA[data][0]}: not measured yet; `python docs/theory/remake.py {data}` does it."


def bound() -> str:
    """Every bound beside the gaps, in both settings, on each data set."""
    return "\n\n".join(_bound(data) for data in DATA)


def _bound(data: str) -> str:
    name, other = DATA[data]
    both = [load(f"bound-{data}-{kind}") for kind in ("new-users", other)]
    new, same = both
    if new is None or same is None:
        return missing(data)
    found = [new["said"], same["said"]]
    rows = []
    for side in found[0]["measured"]:
        gaps = [f"{each['measured'][side]['gap']:+.3f}" for each in found]
        rows.append([f"**measured gap, {side}**", *gaps, "", ""])
    for a, b in zip(*(each["bounds"] for each in found), strict=True):
        rows.append([a["name"], f"{a['value']:,.2f}", f"{b['value']:,.2f}", f"{a['trivial']:.2f}",
                     _verdict(a["vacuous"], b["vacuous"])])  # fmt: skip
    head = f"{name}, seed 0 | new-users (A) | {other} (B) | trivial | verdict"
    sides = [
        f"{kind}, {side}: training {m['training']:.3f} on {m['n']:,}, fresh {m['fresh']:.3f} on "
        f"{m['n_fresh']:,}"
        for kind, each in zip(("new-users", other), found, strict=True)
        for side, m in each["measured"].items()
    ]
    return "\n\n".join([
        table(head, rows),
        "Log-losses in nats, " + "; ".join(sides) + ". The trace norm is in squared stars.",
        f"Term by term, new-users ({name}):", _terms(new["said"]["bounds"]),
        f"![Bounds against the size of the sample, {name}](bound-{data}.svg)",
        receipt(new), receipt(same),
    ])  # fmt: skip


def _verdict(first: bool, second: bool) -> str:
    if first and second:
        return "vacuous"
    return "vacuous in A" if first else "vacuous in B" if second else "says something"


def _terms(bounds: list[dict[str, Any]]) -> str:
    """What each bound is made of, and what the kernels that all items share cost in it."""
    rows = []
    for line in bounds:
        terms = line["terms"]
        if "log_cover" not in terms and "capacity" not in terms:
            continue
        counted = "log_cover" in terms
        kernels = sum(nats for key, nats in terms.items() if ": " in key and "kernel" in key)
        first = terms["log_cover"] if counted else terms["capacity"]
        second = terms["discretisation"] if counted else 2 * terms["rademacher"]
        loss_range, deviation = terms["loss_range"], terms["deviation"]
        rows.append([line["name"], f"{loss_range:,.2f}", f"{first:,.0f}", f"{kernels:,.0f}",
                     f"{second:,.2f}", f"{deviation:,.2f}"])  # fmt: skip
    head = "bound | loss range | log cover or capacity | kernels in it | 2ε or 2R | deviation"
    return table(head, rows)


def certify() -> str:
    """The four promises by three methods, and the bound without held-out users."""
    return "\n\n".join(_certify(data) for data in DATA)


def _certify(data: str) -> str:
    made = load(f"certify-{data}-new-users")
    if made is None:
        return missing(data)
    rows = [
        [f"{NAMES.get(p['name'], p['name'])} ({p['side']})", f"{p['mean']:.3f}",
         *[f"{p[method]:.3f}" for method in ("betting", "bernstein", "hoeffding")], str(p["n"])]
        for p in made["said"]["guarantees"]
    ]  # fmt: skip
    return "\n\n".join([
        f"{DATA[data][0]}, `new-users` split, 95% together:",
        table("per user | mean | betting | Bernstein | Hoeffding | users", rows),
        _pac_bayes(made["said"].get("pac_bayes")),
        f"![Certificates against held-out users, {DATA[data][0]}](certify-{data}.svg)",
        receipt(made),
    ])  # fmt: skip


def _pac_bayes(pac_bayes_result: dict[str, Any] | None) -> str:
    if pac_bayes_result is None:
        return "No PAC-Bayes bound: its 250 blurred models on 3,000 users take too long here."
    chosen, tuned = pac_bayes_result["chosen"], pac_bayes_result["fine_tuned"]
    full = "vacuous" if tuned["vacuous"] else f"at least {tuned['recall_at_least']:.3f}"
    return (
        f"PAC-Bayes, on the training users and nobody else: recall@{pac_bayes_result['k']} at least "
        f"{chosen['recall_at_least']:.3f} at width {pac_bayes_result['width']:g} and {pac_bayes_result['share']:.0%} "
        f"of the way to the fine-tuned weights (KL {chosen['kl']:.1f} nats, {chosen['n']:,} users "
        f"judge); all the way: {full} (KL {tuned['kl']:,.0f} nats)."
    )


def recover() -> str:
    """TV by world at the largest sample, the slopes, and the verdicts."""
    made = load("recover")
    if made is None:
        return "Not measured yet; `python docs/theory/remake.py made-up` does it."
    rows, sentences, size, seeds = [], [], 0, set()
    for world in made["said"]["worlds"]:
        points = world["points"]
        size = max(point["interactions"] for point in points)
        seeds |= {point["seed"] for point in points}
        last = [point for point in points if point["interactions"] == size]
        means = [sum(p[c] for p in last) / len(last) for c in CURVES]
        slope = world["slopes"]["model"]
        interval = f"{slope['slope']:+.3f} [{slope['low']:+.3f}, {slope['high']:+.3f}]"
        holds = "holds" if world["guarantee_holds"] else "does not hold"
        rows.append([world["world"], *[f"{mean:.3f}" for mean in means], interval, holds])
        sentences.append(f"- {world['world']}: {world['verdict']}.")
        if points[0]["wanted"] is not None:
            wanted = sum(p["wanted"] for p in last) / len(last)
            sentences.append(f"  Against the law before selection it stays at {wanted:.3f}.")
    head = f"TV at {size:,} interactions, {len(seeds)} seeds"
    head += " | Conv4Rec | user's table | popularity | pooled table | slope, 95% | guarantee"
    return "\n\n".join([table(head, rows), "\n".join(sentences), receipt(made)])


def emergence() -> str:
    """Rank and loss by depth, on made-up and real data."""
    made = load("emergence")
    if made is None:
        return "Not measured yet; `python docs/theory/remake.py made-up` does it."
    head = "entropy rank | stable rank | encoder | decoder | fresh loss | rank at the end"
    parts = []
    for task, name in zip(made["said"]["tasks"], ("made-up", "MovieLens 100K"), strict=True):
        rows = []
        for run in task["runs"]:
            at, best = run["steps"].index(run["best_step"]), run["best"]
            ends = [run[f"{end}_stable_ranks"][at] for end in ("encoder", "decoder")]
            ranks = [best["entropy_rank"], best["stable_rank"], *ends]
            losses = [f"{run['best_loss']:.3f}", f"{run['entropy_ranks'][-1]:.2f}"]
            rows.append([f"{run['depth']}", *[f"{rank:.2f}" for rank in ranks], *losses])
        if task["truth"]:
            truth = task["truth"]
            ranks = [f"{truth['entropy_rank']:.2f}", f"{truth['stable_rank']:.2f}"]
            name_of_truth = f"truth, rank {truth['rank']}"
            rows.append([name_of_truth, *ranks, "", "", f"{truth['entropy']:.3f}", ""])
        about = f"{task['about'][0].upper()}{task['about'][1:]}:"
        parts += [about, table(f"{name}: factors | {head}", rows)]
    return "\n\n".join([*parts, receipt(made)])


def spectrum() -> str:
    """Ranks of the maps of trained models, at the end."""
    return "\n\n".join(_spectrum(data) for data in DATA)


def _spectrum(data: str) -> str:
    made = load(f"spectrum-{data}-{DATA[data][1]}")
    if made is None:
        return missing(data)
    rows = [
        [row["map"], str(row["rank"]), f"{row['stable_rank']:.2f}", f"{row['entropy_rank']:.1f}",
         f"{row['largest']:.2f}"]
        for row in made["said"]["spectra"]
    ]  # fmt: skip
    head = f"{data}/{DATA[data][1]} | rank | stable | entropy | largest singular value"
    return table(head, rows) + "\n\n" + receipt(made)


def training() -> str:
    """Ranks of the maps while training, from both starts."""
    return "\n\n".join(_training(data) for data in DATA)


def _training(data: str) -> str:
    made = load(f"training-{data}-{DATA[data][1]}")
    if made is None:
        return missing(data)
    parts = []
    for start, looks in made["said"]["starts"].items():
        maps = list(looks[0]["entropy_ranks"])
        few = [looks[0], *looks[1::3]]
        rows = [
            [str(look["step"]), *[
                f"{look['entropy_ranks'][each]:.1f} / {look['stable_ranks'][each]:.1f}"
                for each in maps
            ]]
            for look in (few if few[-1] is looks[-1] else [*few, looks[-1]])
        ]  # fmt: skip
        parts.append(table(f"{data}, {start}: step | " + " | ".join(maps), rows))
    picture = f"![Entropy ranks while training on {data}](training-{data}.svg)"
    return "\n\n".join([*parts, picture, receipt(made)])


def filled(text: str) -> str:
    """A page with its tables printed anew from the records, between their markers."""
    for part in (bound, certify, recover, emergence, spectrum, training):
        pattern = rf"<!-- {part.__name__} -->\n.*?<!-- end -->"
        if re.search(pattern, text, flags=re.DOTALL):
            made = f"<!-- {part.__name__} -->\n{part()}\n<!-- end -->"
            text = re.sub(pattern, lambda _, made=made: made, text, flags=re.DOTALL)
    return text


def main() -> None:
    """Fill the pages between their markers."""
    for page in sorted(HERE.glob("*.md")):
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
