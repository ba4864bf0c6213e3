"""The experiments of the theory pages: `python -m research.theory --help`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from conv4rec.cli import options
from conv4rec.cli.console import note, print_json, say
from conv4rec.errors import SettingError
from research.command import Picture, ThePicture, check_picture, new_app, run

app = new_app("Experiments on synthetic worlds, and pictures of bounds, for docs/theory.")
Confidence = Annotated[float, typer.Option(help="Probability that the statement is true.")]
HeldOut = Annotated[str, typer.Option(metavar="FILE", help="Rows that did not train the model.")]


@app.command(short_help="Is the distribution behind the data recovered?")
def recover(
    world: Annotated[
        list[str] | None,
        typer.Option(help="uniform, power-law, self-selection, drift, correlated (repeatable)."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Repetitions at each size.")] = 3,
    out: Picture = None,
    as_json: options.AsJson = False,
) -> None:
    """Fit models to growing samples of synthetic worlds and measure the distance from the truth."""
    from research.theory import recovery
    from research.theory.charts import recovery_picture
    from research.theory.output import show_recovery
    from research.theory.sampling_schemes import SCHEMES

    if unknown := [name for name in world or [] if name not in SCHEMES]:
        raise SettingError(f"--world is one of {', '.join(SCHEMES)}; got {unknown[0]!r}")
    check_picture(out)
    note("five sizes: two minutes for all worlds on two cores")
    found = recovery.recover(world or tuple(SCHEMES), tuple(range(seeds)))
    if out is not None:
        out.write_text(recovery_picture(found), encoding="utf-8")
    if as_json:
        print_json({"about": recovery.ABOUT, "worlds": [each.to_dict() for each in found]})
    else:
        show_recovery(found)


@app.command(short_help="Low rank from depth alone, with 1 to 4 factors.")
def emergence(
    data: Annotated[
        str | None, typer.Option(metavar="FILE|NAME", help="A log to run it on as well.")
    ] = None,
    out: Picture = None,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Train softmax models of 1 to 4 factors on a synthetic world, and on a log if one is named."""
    from conv4rec.cli import service
    from research.theory import emergence
    from research.theory.charts import emergence_picture
    from research.theory.output import show_emergence

    check_picture(out)
    log = service.load_log(data, {})[0] if data else None
    found = [emergence.emergence(seed=seed)]
    if log is not None:
        note("four depths on the log: a few minutes")
        found.append(emergence.real_emergence(log, seed=seed))
    if out is not None:
        out.write_text(emergence_picture(*found), encoding="utf-8")
    if as_json:
        print_json({"data": data, "seed": seed, "tasks": [each.to_dict() for each in found]})
    else:
        show_emergence(found)


@app.command(short_help="Ranks of a model's tables while it trains.")
def ranks(model: options.Model, out: Picture = None, as_json: options.AsJson = False) -> None:
    """Train a saved model again, from two initialisations, and record the ranks of its tables."""
    from conv4rec.cli import service
    from research.theory.charts import training_picture
    from research.theory.output import show_training
    from research.theory.ranks_while_training import checks_facts, ranks_while_training

    check_picture(out)
    note("training twice, without validation fits")
    found = ranks_while_training(service.load_model(model))
    if out is not None:
        out.write_text(training_picture(found), encoding="utf-8")
    if as_json:
        print_json({"model": model, "starts": checks_facts(found)})
    else:
        show_training(found)


@app.command(short_help="Bounds against the size of the sample.")
def bound_picture(
    model: options.Model,
    out: ThePicture,
    data: Annotated[str | None, typer.Option(metavar="FILE", help="As in `theory bound`.")] = None,
    confidence: Confidence = 0.95,
    seed: options.Seed = 0,
) -> None:
    """Draw what each bound of a saved model would be with more data and the same norms."""
    from conv4rec.cli import service
    from conv4rec.recommender.guarantees.generalization_gap import measured_gaps
    from conv4rec.recommender.guarantees.held_out import held_out_rows
    from research.theory import sample_size

    _check_confidence(confidence)
    check_picture(out)
    served = service.load_model(model)
    gaps = measured_gaps(served, held_out_rows(served, data), seed) if data else None
    out.write_text(sample_size.bound_picture(served, gaps, confidence), encoding="utf-8")
    say(f"Drawn to {out}.")


@app.command(short_help="Certificates against the number of held-out users.")
def certificate_picture(
    model: options.Model,
    data: HeldOut,
    out: ThePicture,
    confidence: Confidence = 0.95,
    k: Annotated[int, typer.Option("-k", "--k", help="Length of the list for recall.")] = 20,
    seed: options.Seed = 0,
) -> None:
    """Draw what each certificate of a saved model would be with fewer held-out users."""
    from conv4rec.cli import service
    from conv4rec.recommender.guarantees.held_out import held_out_rows
    from research.theory import sample_size

    _check_confidence(confidence)
    check_picture(out)
    served = service.load_model(model)
    held_out = held_out_rows(served, data)
    picture = sample_size.certificate_picture(served, held_out, confidence, k, seed)
    out.write_text(picture, encoding="utf-8")
    say(f"Drawn to {out}.")


@app.command(short_help="Make records, pictures and tables of docs/theory again.")
def pages(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="synthetic, ml-100k, ml-1m.")
    ] = None,
    tables: Annotated[
        bool, typer.Option("--tables", help="The tables alone, from the records.")
    ] = False,
) -> None:
    """Make the records of the theory pages again (all if none is named), then their tables."""
    from research.theory import pages
    from research.theory.tables import fill_pages

    if not tables:
        pages.remake(names or list(pages.NAMES))
    fill_pages()


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise SettingError(f"--confidence lies between 0 and 1, such as 0.95; got {confidence}")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns its exit code."""
    return run(app, "research.theory", arguments)


if __name__ == "__main__":
    sys.exit(main())
