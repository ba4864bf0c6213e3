"""What the experiments' command lines share: mistakes are one sentence and exit code 2."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from conv4rec.cli.console import fail, notes
from conv4rec.errors import Conv4RecError, DataError, SettingError

Picture = Annotated[
    Path | None, typer.Option("--out", metavar="FILE.svg", help="Where to draw the picture.")
]
ThePicture = Annotated[
    Path, typer.Option("--out", metavar="FILE.svg", help="Where to draw the picture.")
]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads of torch; all cores if unset.")]


def new_app(about: str) -> typer.Typer:
    """An empty command line with plain help and plain errors."""
    return typer.Typer(
        help=about,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        no_args_is_help=True,
    )


def run(app: typer.Typer, name: str, arguments: Sequence[str] | None = None) -> int:
    """Run `python -m NAME ARGUMENTS`; returns the exit code: 0, or 2 for a mistake."""
    try:
        with notes():
            app(args=list(sys.argv[1:] if arguments is None else arguments),
                prog_name=f"python -m {name}")  # fmt: skip
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    except Conv4RecError as error:
        fail(str(error))
        return 2
    return 0


def check_picture(out: Path | None) -> None:
    """Raise unless an SVG can be written there; called before the work, not after.

    Raises:
        SettingError: The name does not end in .svg.
        DataError: The folder is missing.
        MissingExtraError: matplotlib is not installed.
    """
    if out is None:
        return
    from conv4rec.benchmark.charts import style

    if out.suffix.lower() != ".svg":
        raise SettingError(f"--out draws .svg; got {out.name!r}")
    if not out.absolute().parent.is_dir():
        raise DataError(f"there is no folder {out.parent} to draw {out.name} in")
    with style():
        pass


def use_threads(threads: int | None) -> None:
    """Set the number of torch's threads, if one is given."""
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
