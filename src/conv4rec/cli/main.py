"""The front door: the commands, one sentence for every mistake, and nothing heavy to open it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from conv4rec import __version__
from conv4rec.cli.ask import explain, plot, predict, recommend
from conv4rec.cli.bench import bench, report
from conv4rec.cli.console import fail, notes, say
from conv4rec.cli.data import data_app, doctor
from conv4rec.cli.evaluate import evaluate
from conv4rec.cli.fit import fit, quickstart
from conv4rec.cli.theory import theory_app
from conv4rec.errors import Conv4RecError, TrainingInterrupted

EXIT_WRONG, EXIT_INTERRUPTED = 2, 130

# Plain help and plain usage errors: what is printed last is the sentence, not a frame around it.
app = typer.Typer(
    name="conv4rec",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(short_help="A tour on real ratings: two minutes.")(quickstart)
app.command(short_help="Train a model on a log of ratings.")(fit)
app.command(short_help="Train on a part, measure on the rest.")(evaluate)
app.command(short_help="Us and our rivals on the same rows, with receipts.")(bench)
app.command(short_help="Tables and pictures of a bench, from its records.")(report)
app.command(short_help="List what people would pick or love.")(recommend)
app.command(short_help="Both answers for given pairs.")(predict)
app.command(short_help="What the model sees in ratings, in a person.")(explain)
app.command(short_help="A picture of one user's items and discoveries.")(plot)
app.add_typer(data_app, name="data", short_help="Data sets: list, fetch, show.")
app.add_typer(theory_app, name="theory", short_help="Bounds, certificates, ranks.")
app.command(short_help="What conv4rec runs on here.")(doctor)


def _version(wanted: bool) -> None:
    if wanted:
        say(f"conv4rec {__version__}")
        raise typer.Exit


@app.callback()
def conv4rec(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """One model for both questions of a ratings log: what will be consumed, and how rated.

    \b
    Start with:  conv4rec quickstart
    Your data:   conv4rec fit ratings.csv --out my-model
                 conv4rec recommend my-model --user 42
    """
    del version  # its callback has done the work


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns its exit code: 0, 2 for any mistake, 130 when interrupted."""
    try:
        with notes():
            app(args=list(sys.argv[1:] if arguments is None else arguments), prog_name="conv4rec")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    except TrainingInterrupted as interrupted:
        fail(str(interrupted))
        return EXIT_INTERRUPTED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Conv4RecError as error:
        fail(str(error))
        return EXIT_WRONG
    except OSError as error:
        fail(f"{error.filename or 'a file'}: {error.strerror or error}")
        return EXIT_WRONG
    except MemoryError:
        fail("there is not enough memory for this; --help tells what can be made smaller")
        return EXIT_WRONG
    return 0


def main() -> None:
    """The entry point of the `conv4rec` command."""
    sys.exit(run())
