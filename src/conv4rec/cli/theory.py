"""The commands `theory bound`, `theory certify` and `theory spectrum`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from conv4rec.cli import options
from conv4rec.cli.console import note, print_json
from conv4rec.cli.reading import reads_tables
from conv4rec.errors import SettingError

if TYPE_CHECKING:
    from conv4rec.recommender.guarantees.certify import Guarantee
    from conv4rec.recommender.guarantees.pac_bayes import PacBayesResult

Confidence = Annotated[float, typer.Option(help="Probability that the statement is true.")]

theory_app = typer.Typer(
    help="Generalization bounds, certificates and spectra of a trained model.",
    rich_markup_mode=None,
    no_args_is_help=True,
)


@theory_app.command(short_help="Every bound, term by term, beside the measured gap.")
@reads_tables
def bound(
    model: options.Model,
    data: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Rows that did not train it: measures the gap."),
    ] = None,
    confidence: Confidence = 0.95,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
    *,
    reading: dict[str, Any],
) -> None:
    """Every bound on how much more a model loses on fresh data than on its training data.

    \b
    Example:
      conv4rec theory bound my-model
      conv4rec theory bound my-model --data new-users.csv
    """
    from conv4rec.cli import service
    from conv4rec.cli.theory_output import show_bounds
    from conv4rec.recommender.guarantees.bounds import GUARANTEES, all_bounds
    from conv4rec.recommender.guarantees.generalization_gap import measured_gaps
    from conv4rec.recommender.guarantees.held_out import held_out_rows

    _check_confidence(confidence)
    served = service.load_model(model)
    gaps = None
    if data is not None:
        held_out = held_out_rows(served, service.read_rows(served, data, reading))
        gaps = measured_gaps(served, held_out, seed)
    lines = all_bounds(served, gaps, confidence)
    if as_json:
        guarantees = {name: dict(zip(("does", "does_not"), GUARANTEES[name], strict=True))
                    for name in GUARANTEES}  # fmt: skip
        measured = {side: gap.to_dict() for side, gap in gaps.items()} if gaps else None
        bounds = [line.to_dict() for line in lines]
        print_json({"model": model, "confidence": confidence, "measured": measured,
                    "bounds": bounds, "guarantees": guarantees})  # fmt: skip
        return
    show_bounds(lines, gaps, confidence)


@theory_app.command(short_help="A guarantee for the average new user.")
@reads_tables
def certify(
    model: options.Model,
    data: Annotated[
        str, typer.Option(metavar="FILE", help="Histories of users who did not train the model.")
    ],
    confidence: Confidence = 0.95,
    k: Annotated[int, typer.Option("-k", "--k", help="Length of the list for recall.")] = 20,
    seed: options.Seed = 0,
    pac_bayes: Annotated[
        bool,
        typer.Option("--pac-bayes", help="Also retrain, for a bound without held-out users."),
    ] = False,
    as_json: options.AsJson = False,
    *,
    reading: dict[str, Any],
) -> None:
    """Guarantee the recall, rating error and log-loss of the average new user, with confidence.

    \b
    Example:
      conv4rec theory certify my-model --data new-users.csv
      conv4rec theory certify my-model --data new-users.csv --confidence 0.99 -k 10 --json
    """
    from conv4rec.cli import service
    from conv4rec.cli.theory_output import show_guarantees, show_pac_bayes
    from conv4rec.recommender.guarantees.certify import certify_model
    from conv4rec.recommender.guarantees.held_out import held_out_rows

    _check_confidence(confidence)
    served = service.load_model(model)
    held_out = held_out_rows(served, service.read_rows(served, data, reading))
    found = certify_model(served, held_out, confidence=confidence, k=k, seed=seed)
    pac_bayes_result = _pac_bayes_result(served, confidence, k, seed) if pac_bayes else None
    if as_json:
        print_json(_certified(model, confidence, found, pac_bayes_result))
        return
    show_guarantees(found, confidence)
    if pac_bayes_result is not None:
        show_pac_bayes(pac_bayes_result)


@theory_app.command(short_help="Singular values and ranks of a model.")
def spectrum(model: options.Model, as_json: options.AsJson = False) -> None:
    """Singular values, stable rank and entropy rank of the maps of a model.

    \b
    Example:
      conv4rec theory spectrum my-model
    """
    from conv4rec.cli import service
    from conv4rec.cli.theory_output import show_spectra
    from conv4rec.recommender.guarantees.spectra import model_spectra, spectra_facts

    facts = spectra_facts(model_spectra(service.load_model(model)))
    print_json({"model": model, "spectra": facts}) if as_json else show_spectra(facts)


def _pac_bayes_result(served: Any, confidence: float, k: int, seed: int) -> PacBayesResult:
    from conv4rec.recommender.guarantees.pac_bayes import pac_bayes_recall

    note("retraining on half of the users, then on all: as long as two fits")
    return pac_bayes_recall(
        served.interactions_, served.settings, preset=served.preset, confidence=confidence, k=k,
        seed=seed,
    )  # fmt: skip


def _certified(
    model: str, confidence: float, found: list[Guarantee], pac_bayes_result: PacBayesResult | None
) -> dict[str, Any]:
    facts = {"model": model, "confidence": confidence, "together": True}
    facts["guarantees"] = [guarantee.to_dict() for guarantee in found]
    return facts | ({"pac_bayes": pac_bayes_result.to_dict()} if pac_bayes_result else {})


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise SettingError(f"--confidence lies between 0 and 1, such as 0.95; got {confidence}")
