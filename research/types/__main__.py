"""The experiments of the page of types: `python -m research.types --help`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from conv4rec.cli import options
from conv4rec.cli.console import print_json, say
from conv4rec.cli.parsing import settings_from_words
from research.command import new_app, run

app = new_app("What types of events add. See docs/types.md.")
Seeds = Annotated[str, typer.Option(metavar="A,B,...", help="Of the model and of its sample.")]


@app.command(short_help="Ratings with wish lists, and without.")
def to_read(
    users: Annotated[int, typer.Option(min=20, help="Drawn at random; all have 53,424.")] = 3000,
    seeds: Seeds = "0,1",
    preset: options.Preset = "default",
    set_: options.Set = None,
    as_json: options.AsJson = False,
) -> None:
    """Fit goodbooks-10k with `to_read` as a second type and without, and measure the ratings."""
    from research.types.to_read import METRICS, compare

    settings = {"preset": preset, **settings_from_words(set_ or [])}
    for seed in options_of(seeds):
        for line in compare(users, seed, settings):
            if as_json:
                print_json(line)
                continue
            figures = "  ".join(f"{name} {line[name]:.4f}" for name in METRICS)
            say(f"{line['log']}, seed {seed}:")
            say(f"  {figures}  ({line['cpu_s']} s)")


@app.callback()
def _commands() -> None:
    """Keep the names of commands, also where there is but one."""


def options_of(text: str) -> list[int]:
    """The whole numbers of "0,1"."""
    from conv4rec.errors import SettingError

    words = text.split(",")
    if not all(word.strip().isdecimal() for word in words):
        raise SettingError(f"--seeds takes whole numbers, as in 0,1; got {text!r}")
    return [int(word) for word in words]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    return run(app, "research.types", arguments)


if __name__ == "__main__":
    sys.exit(main())
