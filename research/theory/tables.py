"""Tables of docs/theory, from the records: `python -m research.theory pages --tables`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from research.theory.sampling_schemes import SCHEMES

RECORDS = Path(__file__).parent / "records"
PAGES = Path(__file__).parents[2] / "docs" / "theory"
DATA = {"ml-100k": ("MovieLens 100K", "u1"), "ml-1m": ("MovieLens 1M", "r0")}
CURVES = ("model", "table", "popularity", "pooled")
NAMES = {
    "squared_error": "squared rating error",
    "rating_log_loss": "log-loss of the rating",
    "consume_log_loss": "log-loss of the consumed item",
}


OLD_NAMES = {
    '"receipt": ': '"provenance": ',
    '"said": ': '"output": ',
    '"promises": ': '"guarantees": ',
    '"wanted": ': '"before_selection": ',
    '"pick": {': '"consume": {',
    '"side": "pick"': '"side": "consume"',
    "pick_log_loss": "consume_log_loss",
    '"name": "pick: ': '"name": "consume: ',
    "conv4rec theory recover": "python -m research.theory recover",
    "conv4rec theory spectrum --emergence": "python -m research.theory emergence",
}
"""Text of older records, and what the same thing is called now."""


def load(name: str) -> dict[str, Any] | None:
    """One record: output and provenance of a command, by today's names; None if it is missing."""
    path = RECORDS / f"{name}.json"
    if not path.is_file():
        return None
    text = path.read_text(encoding="utf-8")
    for old, new in OLD_NAMES.items():
        text = text.replace(old, new)
    record = json.loads(text)
    record["provenance"]["command"] = _as_called_now(record["provenance"]["command"])
    return record


def _as_called_now(command: str) -> str:
    """A command of an old record, as it is called now.

    >>> _as_called_now("conv4rec theory spectrum m --training --out t.svg --json")
    'python -m research.theory ranks m --out t.svg --json'
    >>> _as_called_now("conv4rec theory bound m --data m.csv --out b.svg --json")
    'conv4rec theory bound m --data m.csv --json'
    """
    if " --training" in command:
        command = command.replace(" --training", "")
        return command.replace("conv4rec theory spectrum", "python -m research.theory ranks")
    return re.sub(r"^(conv4rec .*?) --out \S+", r"\1", command)


def table(header: str, rows: list[list[str]]) -> str:
    """A Markdown table; numbers are set right but in the first column."""
    names = header.split(" | ")
    lines = [names, ["---", *["---:"] * (len(names) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def provenance(record: dict[str, Any]) -> str:
    """Where, when and with what a record was made, in one line."""
    facts = record["provenance"]
    fit = f" (fit {facts['fit_seconds']:,.0f} s)" if "fit_seconds" in facts else ""
    return (
        f"`{facts['command']}`: {facts['seconds']:,.0f} s{fit}, seed {facts['seed']}, conv4rec "
        f"{facts['versions']['conv4rec']} at {facts['commit']}, torch "
        f"{facts['versions']['torch']}, {facts['machine']['cpu']}, {facts['finished_at'][:10]}."
    )


def missing(data: str) -> str:
    """What stands where a record is not there."""
    return f"{DATA[data][0]}: not measured yet; `python -m research.theory pages {data}` does it."


def bound() -> str:
    """Every bound beside the gaps, in both settings, on each data set."""
    return "\n\n".join(_bound(data) for data in DATA)


def _bound(data: str) -> str:
    name, other = DATA[data]
    both = [load(f"bound-{data}-{kind}") for kind in ("new-users", other)]
    new, same = both
    if new is None or same is None:
        return missing(data)
    found = [new["output"], same["output"]]
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
        f"Term by term, new-users ({name}):", _terms(new["output"]["bounds"]),
        f"![Bounds against the size of the sample, {name}](bound-{data}.svg)",
        provenance(new), provenance(same),
    ])  # fmt: skip


def _verdict(first: bool, second: bool) -> str:
    if first and second:
        return "vacuous"
    return "vacuous in A" if first else "vacuous in B" if second else "not vacuous"


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
    """The four guarantees by three methods, and the bound without held-out users."""
    return "\n\n".join(_certify(data) for data in DATA)


def _certify(data: str) -> str:
    made = load(f"certify-{data}-new-users")
    if made is None:
        return missing(data)
    rows = [
        [f"{NAMES.get(p['name'], p['name'])} ({p['side']})", f"{p['mean']:.3f}",
         *[f"{p[method]:.3f}" for method in ("betting", "bernstein", "hoeffding")], str(p["n"])]
        for p in made["output"]["guarantees"]
    ]  # fmt: skip
    return "\n\n".join([
        f"{DATA[data][0]}, `new-users` split, 95% together:",
        table("per user | mean | betting | Bernstein | Hoeffding | users", rows),
        _pac_bayes(made["output"].get("pac_bayes")),
        f"![Certificates against held-out users, {DATA[data][0]}](certify-{data}.svg)",
        provenance(made),
    ])  # fmt: skip


def _pac_bayes(found: dict[str, Any] | None) -> str:
    if found is None:
        return "No PAC-Bayes bound: its 250 sampled models on 3,000 users take too long here."
    chosen, tuned = found["chosen"], found["fine_tuned"]
    full = "vacuous" if tuned["vacuous"] else f"at least {tuned['recall_at_least']:.3f}"
    return (
        f"PAC-Bayes, from the training users alone: recall@{found['k']} is at least "
        f"{chosen['recall_at_least']:.3f} at width {found['width']:g} and {found['share']:.0%} "
        f"of the way to the fine-tuned weights (KL {chosen['kl']:.1f} nats, measured on "
        f"{chosen['n']:,} users); at the fine-tuned weights: {full} (KL {tuned['kl']:,.0f} nats)."
    )


def recover() -> str:
    """TV by world at the largest sample, the slopes, and the verdicts."""
    made = load("recover")
    if made is None:
        return "Not measured yet; `python -m research.theory pages synthetic` does it."
    rows, sentences, size, seeds = [], [], 0, set()
    for world in made["output"]["worlds"]:
        points = world["points"]
        size = max(point["interactions"] for point in points)
        seeds |= {point["seed"] for point in points}
        last = [point for point in points if point["interactions"] == size]
        means = [sum(p[c] for p in last) / len(last) for c in CURVES]
        slope = world["slopes"]["model"]
        interval = f"{slope['slope']:+.3f} [{slope['low']:+.3f}, {slope['high']:+.3f}]"
        holds = "holds" if world["guarantee_holds"] else "does not hold"
        rows.append([world["world"], *[f"{mean:.3f}" for mean in means], interval, holds])
        scheme = SCHEMES[world["world"]]
        verdict = f"{world['verdict'].partition(': ')[0]}: {scheme.why}"
        sentences.append(f"- {scheme.name}: {verdict}.")
        if points[0]["before_selection"] is not None:
            distance = sum(p["before_selection"] for p in last) / len(last)
            sentences.append(f"  From the distribution before selection: {distance:.3f}.")
    head = f"TV at {size:,} interactions, {len(seeds)} seeds"
    head += " | Conv4Rec | user's table | popularity | pooled table | slope, 95% | guarantee"
    return "\n\n".join([table(head, rows), "\n".join(sentences), provenance(made)])


def emergence() -> str:
    """Rank and loss by depth, on synthetic and real data."""
    made = load("emergence")
    if made is None:
        return "Not measured yet; `python -m research.theory pages synthetic` does it."
    head = "entropy rank | stable rank | encoder | decoder | fresh loss | rank at the end"
    parts = []
    for task, name in zip(made["output"]["tasks"], ("synthetic", "MovieLens 100K"), strict=True):
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
    return "\n\n".join([*parts, provenance(made)])


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
        for row in made["output"]["spectra"]
    ]  # fmt: skip
    head = f"{data}/{DATA[data][1]} | rank | stable | entropy | largest singular value"
    return table(head, rows) + "\n\n" + provenance(made)


def training() -> str:
    """Ranks of the maps while training, from both initialisations."""
    return "\n\n".join(_training(data) for data in DATA)


def _training(data: str) -> str:
    made = load(f"training-{data}-{DATA[data][1]}")
    if made is None:
        return missing(data)
    parts = []
    for start, checks in made["output"]["starts"].items():
        maps = list(checks[0]["entropy_ranks"])
        few = [checks[0], *checks[1::3]]
        rows = [
            [str(check["step"]), *[
                f"{check['entropy_ranks'][each]:.1f} / {check['stable_ranks'][each]:.1f}"
                for each in maps
            ]]
            for check in (few if few[-1] is checks[-1] else [*few, checks[-1]])
        ]  # fmt: skip
        parts.append(table(f"{data}, {start}: step | " + " | ".join(maps), rows))
    picture = f"![Entropy ranks while training on {data}](training-{data}.svg)"
    return "\n\n".join([*parts, picture, provenance(made)])


def filled(text: str) -> str:
    """A page with its tables printed anew from the records, between their markers."""
    for part in (bound, certify, recover, emergence, spectrum, training):
        pattern = rf"<!-- {part.__name__} -->\n.*?<!-- end -->"
        if re.search(pattern, text, flags=re.DOTALL):
            made = f"<!-- {part.__name__} -->\n{part()}\n<!-- end -->"
            text = re.sub(pattern, lambda _, made=made: made, text, flags=re.DOTALL)
    return text


def fill_pages() -> None:
    """Fill the tables of all pages between their markers."""
    for page in sorted(PAGES.glob("*.md")):
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
