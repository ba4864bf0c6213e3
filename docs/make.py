"""Pages that are generated, not typed: `python docs/make.py` writes them, tables and all."""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
RESEARCH = DOCS.parent / "research"
COMMANDS = (
    *("", "quickstart", "fit", "estimate", "evaluate", "bench", "report"),
    *("recommend", "predict", "explain", "audience", "explore", "plot", "serve"),
    *("data", "data list", "data fetch", "data show", "doctor"),
    *("theory", "theory bound", "theory certify", "theory spectrum"),
)


def cli_page() -> str:
    """Every command's --help, at 80 columns."""
    parts = [
        "# The command line\n\nPrinted by `--help`; written here by `python docs/make.py`.\n\n"
        "Answers go to standard output, notes and progress to standard error. With `--json` the\n"
        "last line is one JSON object. Exit codes: 0; 2 for a mistake, with one sentence as the\n"
        "last line that says what to do; 130 when interrupted (`fit` has then saved its state).\n"
    ]
    for command in COMMANDS:
        parts.append(f"## conv4rec {command}".rstrip() + f"\n\n```text\n{help_of(command)}```\n")
    return "\n".join(parts)


def help_of(command: str) -> str:
    """What `conv4rec COMMAND --help` prints."""
    from conv4rec.cli import main as cli

    said = io.StringIO()
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "80"
    try:
        with contextlib.redirect_stdout(said):
            cli.run([*command.split(), "--help"])
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before
    return "\n".join(line.rstrip() for line in said.getvalue().strip().splitlines()) + "\n"


def names_page() -> str:
    """Every hyperparameter: its name, its default and what it means."""
    from conv4rec.model.config import NetworkSettings
    from conv4rec.recommender.configuration import PRESETS
    from conv4rec.train import TrainSettings

    text = (
        "# Names of settings\n\nEach is a parameter of `Conv4Rec(...)` and of `--set NAME=VALUE`."
        ' Left at None, it has the value\nof the preset, "default", "fast" or "paper".'
        " Written by `python docs/make.py` from the classes themselves.\n"
    )
    for title, config, module in (
        ("The network", NetworkSettings, "model/config.py"),
        ("Training", TrainSettings, "train/settings.py"),
    ):
        meanings = attribute_docstrings(module, config.__name__)
        text += (
            f"\n## {title}: `{config.__name__}`\n\n| name | default | fast | paper | meaning |\n"
            "|---|---|---|---|---|\n"
        )
        for name, entry in config.model_fields.items():
            values = [preset.get(name, entry.default) for preset in PRESETS.values()]
            cells = " | ".join(f"`{value}`" for value in values)
            text += f"| `{name}` | {cells} | {meanings[name]} |\n"
    return text


def attribute_docstrings(module: str, class_name: str) -> dict[str, str]:
    """The strings that stand below the fields of a class."""
    path = DOCS.parent / "src" / "conv4rec" / module
    tree = ast.parse(path.read_text(encoding="utf-8"))
    owner = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == class_name)
    found: dict[str, str] = {}
    for line, below in zip(owner.body, owner.body[1:], strict=False):
        is_field = isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
        if is_field and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            found[line.target.id] = " ".join(textwrap.dedent(str(below.value.value)).split())
    return found


def bench_page() -> str:
    """Tables of the bench from the committed records, and the list of candidates."""
    from conv4rec.benchmark.report import fill

    page = DOCS / "bench" / "README.md"
    text = fill(page.read_text(encoding="utf-8"), bench_records(), page.parent)
    return between(text, "candidates", candidates_table())


def readme() -> str:
    """The summary of the bench in the README."""
    from conv4rec.benchmark.report import fill

    return fill((DOCS.parent / "README.md").read_text(encoding="utf-8"), bench_records())


def bench_records() -> list[dict[str, Any]]:
    """The committed records; none before the first bench."""
    from conv4rec.benchmark.records import read

    paths = sorted((RESEARCH / "benchmark" / "records").glob("*.jsonl"))
    return [record for path in paths for record in read(path)]


def discovery_page() -> str:
    """Tables of discovery from its committed records."""
    from conv4rec.benchmark.records import read
    from research.discovery.tables import fill

    folder = RESEARCH / "discovery" / "records"
    by_name = {path.stem: read(path) for path in sorted(folder.glob("*.jsonl"))}
    return fill((DOCS / "discovery.md").read_text(encoding="utf-8"), by_name)


def candidates_table() -> str:
    """The candidates of the bench, their settings, and what is tuned."""
    from conv4rec.benchmark.adapters.candidate import Choice
    from conv4rec.benchmark.candidates import candidates
    from conv4rec.benchmark.markdown import table

    lines = []
    for candidate in candidates().values():
        space = [
            f"{name} in {', '.join(map(str, entry.options))}"
            if isinstance(entry, Choice)
            else f"{name} {entry.low:g} to {entry.high:g}"
            for name, entry in candidate.space.items()
        ]
        defaults = [f"{name} {value}" for name, value in candidate.defaults.items()]
        lines.append([
            f"`{candidate.name}`", candidate.package or "conv4rec", " and ".join(candidate.tasks),
            "yes" if candidate.folds_in else "no", candidate.distribution,
            "; ".join(filter(None, [", ".join(defaults), candidate.source])) or "none",
            "; ".join(space) or "nothing",
        ])  # fmt: skip
    head = ["name", "library", "tasks", "new users", "distribution", "defaults", "tuned"]
    return table(head, lines).replace("---:", "---")


def between(text: str, name: str, part: str) -> str:
    """A page with `part` between the markers of `name`."""
    pattern = rf"<!-- {name} -->.*?<!-- end {name} -->"
    made = f"<!-- {name} -->\n{part}\n<!-- end {name} -->"
    return re.sub(pattern, lambda _: made, text, flags=re.DOTALL)


PAGES = {
    DOCS / "cli.md": cli_page,
    DOCS / "guides" / "names.md": names_page,
    DOCS / "bench" / "README.md": bench_page,
    DOCS / "discovery.md": discovery_page,
    DOCS.parent / "README.md": readme,
}

if __name__ == "__main__":
    sys.path.insert(0, str(DOCS.parent))  # `research` is not installed
    for page, write in PAGES.items():
        page.write_text(write(), encoding="utf-8")
