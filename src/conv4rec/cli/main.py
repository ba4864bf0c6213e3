"""The command line: its commands, its exit codes, and what it sets for the whole process."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from conv4rec import __version__
from conv4rec.cli.audience import audience
from conv4rec.cli.bench import bench
from conv4rec.cli.console import fail, log_lines, notes, say
from conv4rec.cli.data import data_app
from conv4rec.cli.doctor import doctor
from conv4rec.cli.encoding import any_encoding
from conv4rec.cli.estimate import estimate
from conv4rec.cli.evaluate import evaluate
from conv4rec.cli.explain import explain
from conv4rec.cli.explore import explore
from conv4rec.cli.fit import fit
from conv4rec.cli.plot import plot
from conv4rec.cli.predict import predict
from conv4rec.cli.processes import EXIT_INTERRUPTED, EXIT_WRONG, process_group
from conv4rec.cli.quickstart import quickstart
from conv4rec.cli.recommend import recommend
from conv4rec.cli.report import report
from conv4rec.cli.serve import serve
from conv4rec.cli.stopping import Terminated, unwound
from conv4rec.cli.theory import theory_app
from conv4rec.errors import Conv4RecError, TrainingInterrupted

COMMANDS = {
    quickstart: "A tour on real ratings: two minutes.",
    fit: "Train a model on a log of ratings.",
    estimate: "Time and memory of a fit, before it.",
    evaluate: "Train on a part, measure on the rest.",
    bench: "Several models on the same rows, with provenance.",
    report: "Tables and pictures of a bench, from its records.",
    recommend: "List what users will consume, like or discover.",
    predict: "Both answers for given pairs.",
    explain: "Why a score is what it is; kernels; a user's profile.",
    audience: "The people for an item.",
    explore: "A page of one user's items, to look at without a server.",
    plot: "A picture of one user's items and discoveries.",
    serve: "The same answers over HTTP.",
}
"""The commands in the order of `conv4rec --help`, each with its line there."""

# Plain help and plain usage errors: the last line printed is the sentence, with no frame around it.
app = typer.Typer(
    name="conv4rec",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for function, short_help in COMMANDS.items():
    app.command(short_help=short_help)(function)
app.add_typer(data_app, name="data", short_help="Data sets: list, fetch, show.")
app.add_typer(theory_app, name="theory", short_help="Bounds, certificates, ranks.")
app.command(short_help="Versions, threads, devices and folders of this machine.")(doctor)


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
    # A thread of torch that waits for work spins by default, and takes the core from the thread
    # that it waits for when anything else runs on the machine: a fit of 4 s took 65 s on two busy
    # cores. Torch reads the variable when it is loaded, which no command has done yet.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        words = list(sys.argv[1:] if arguments is None else arguments)
        command = words[0] if words else None
        with process_group(command), any_encoding(), notes(), log_lines(), unwound():
            app(args=words, prog_name="conv4rec")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    except TrainingInterrupted as interrupted:
        fail(str(interrupted))
        return EXIT_INTERRUPTED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Terminated as ended:
        return ended.exit_code
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
