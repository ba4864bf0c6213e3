"""Commands of the theory room: bound, certify, recover and spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from conv4rec.app import options
from conv4rec.app.console import note, print_json
from conv4rec.app.theory_pictures import check_picture, draw
from conv4rec.errors import SettingError

if TYPE_CHECKING:
    from conv4rec.bench.theory.blurred import Blurred
    from conv4rec.bench.theory.certify import Promise

Confidence = Annotated[float, typer.Option(help="Probability that what is stated is true.")]
Picture = Annotated[
    str | None, typer.Option("--out", metavar="FILE.svg", help="Draw the picture there.")
]

theory_app = typer.Typer(
    help="What the theorems say of a trained model, and experiments on made-up worlds.",
    rich_markup_mode=None,
    no_args_is_help=True,
)


@theory_app.command(short_help="Every bound, term by term, beside the measured gap.")
def bound(
    model: options.Model,
    data: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Rows that did not train it: measures the real gap."),
    ] = None,
    confidence: Confidence = 0.95,
    out: Picture = None,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Every bound on how much more a model loses on fresh data than on its training data.

    \b
    Example:
      conv4rec theory bound my-model
      conv4rec theory bound my-model --data new-users.csv --out bound.svg
    """
    from conv4rec.app import service
    from conv4rec.app.theory_shown import show_bounds
    from conv4rec.bench.theory.bounds import PROMISES, all_bounds
    from conv4rec.bench.theory.gap import measured_gaps
    from conv4rec.bench.theory.held_out import held_out_rows
    from conv4rec.bench.theory.more_users import bound_picture

    _check_confidence(confidence)
    check_picture(out)
    served = service.load_model(model)
    gaps = measured_gaps(served, held_out_rows(served, data), seed) if data else None
    lines = all_bounds(served, gaps, confidence)
    draw(out, bound_picture(served, gaps, confidence) if out else "")
    if as_json:
        promises = {name: dict(zip(("does", "does_not"), PROMISES[name], strict=True))
                    for name in PROMISES}  # fmt: skip
        measured = {side: gap.to_dict() for side, gap in gaps.items()} if gaps else None
        bounds = [line.to_dict() for line in lines]
        print_json({"model": model, "confidence": confidence, "measured": measured,
                    "bounds": bounds, "promises": promises})  # fmt: skip
        return
    show_bounds(lines, gaps, confidence)


@theory_app.command(short_help="What a new user can expect at worst.")
def certify(
    model: options.Model,
    data: Annotated[
        str, typer.Option(metavar="FILE", help="Histories of people who did not train the model.")
    ],
    confidence: Confidence = 0.95,
    k: Annotated[int, typer.Option("-k", "--k", help="Length of the list recall is of.")] = 20,
    seed: options.Seed = 0,
    pac_bayes: Annotated[
        bool,
        typer.Option("--pac-bayes", help="Also retrain, for a bound that needs nobody held out."),
    ] = False,
    out: Picture = None,
    as_json: options.AsJson = False,
) -> None:
    """Promise what the average new user gets: recall, rating error and log-loss, with confidence.

    \b
    Example:
      conv4rec theory certify my-model --data new-users.csv
      conv4rec theory certify my-model --data new-users.csv --confidence 0.99 -k 10 --json
    """
    from conv4rec.app import service
    from conv4rec.app.theory_shown import show_blurred, show_promises
    from conv4rec.bench.theory.certify import certify_model
    from conv4rec.bench.theory.held_out import held_out_rows
    from conv4rec.bench.theory.more_users import certificate_picture

    _check_confidence(confidence)
    check_picture(out)
    served = service.load_model(model)
    held_out = held_out_rows(served, data)
    found = certify_model(served, held_out, confidence=confidence, k=k, seed=seed)
    draw(out, certificate_picture(served, held_out, confidence, k, seed) if out else "")
    blurred = _blurred(served, confidence, k, seed) if pac_bayes else None
    if as_json:
        print_json(_certified(model, confidence, found, blurred))
        return
    show_promises(found, confidence)
    if blurred is not None:
        show_blurred(blurred)


@theory_app.command(short_help="Is the law that made the data recovered?")
def recover(
    world: Annotated[
        list[str] | None,
        typer.Option(help="uniform, power-law, self-selection, drift, correlated (repeatable)."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Repetitions at each size.")] = 3,
    out: Picture = None,
    as_json: options.AsJson = False,
) -> None:
    """Train on made-up worlds of growing size and measure how far the model is from the truth.

    \b
    Example:
      conv4rec theory recover --out recovery.svg
      conv4rec theory recover --world drift --seeds 5 --json
    """
    from conv4rec.app.theory_shown import show_recovery
    from conv4rec.bench.theory.charts import recovery_picture
    from conv4rec.bench.theory.recover import ABOUT, recover
    from conv4rec.bench.theory.worlds import LAWS

    if unknown := [name for name in world or [] if name not in LAWS]:
        raise SettingError(f"--world is one of {', '.join(LAWS)}; got {unknown[0]!r}")
    check_picture(out)
    if not as_json:
        note("five sizes, two minutes for all worlds on two cores")
    found = recover(world or tuple(LAWS), tuple(range(seeds)))
    draw(out, recovery_picture(found) if out else "")
    if as_json:
        print_json({"about": ABOUT, "worlds": [each.to_dict() for each in found]})
        return
    show_recovery(found, out)


@theory_app.command(short_help="How many directions a model uses, and why few.")
def spectrum(
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="Folder of a saved model.")
    ] = None,
    training: Annotated[
        bool, typer.Option("--training", help="Train MODEL again and watch its ranks.")
    ] = False,
    emergence: Annotated[
        bool, typer.Option("--emergence", help="The experiment: 1 to 4 factors, no model needed.")
    ] = False,
    data: Annotated[
        str | None,
        typer.Option(metavar="FILE|NAME", help="With --emergence: a log to run it on as well."),
    ] = None,
    out: Picture = None,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Singular values, stable and entropy rank of what a model learned.

    \b
    Example:
      conv4rec theory spectrum my-model
      conv4rec theory spectrum my-model --training --out training.svg
      conv4rec theory spectrum --emergence --data ratings.csv --out emergence.svg
    """
    if (model is None) == (not emergence):
        raise SettingError("spectrum is of a MODEL, or the experiment with --emergence: name one")
    if training and model is None:
        raise SettingError("--training is of a MODEL: name one, and leave --emergence out")
    if data is not None and not emergence:
        raise SettingError("--data is for --emergence: a MODEL has its own log")
    if out is not None and not (emergence or training):
        raise SettingError("--out draws what is watched: add --training, or --emergence")
    from conv4rec.app import theory_spectra

    check_picture(out)
    if model is None:
        theory_spectra.emerge(data, seed, out, as_json)
    elif training:
        theory_spectra.watch(model, out, as_json)
    else:
        theory_spectra.rank(model, as_json)


def _blurred(served: Any, confidence: float, k: int, seed: int) -> Blurred:
    from conv4rec.bench.theory.blurred import pac_bayes_recall

    note("retraining on half of the users, then on all: as long as two fits")
    return pac_bayes_recall(
        served.interactions_, served.settings, preset=served.preset, confidence=confidence, k=k,
        seed=seed,
    )  # fmt: skip


def _certified(
    model: str, confidence: float, found: list[Promise], blurred: Blurred | None
) -> dict[str, Any]:
    facts = {"model": model, "confidence": confidence, "together": True}
    facts["promises"] = [promise.to_dict() for promise in found]
    return facts | ({"pac_bayes": blurred.to_dict()} if blurred else {})


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise SettingError(f"--confidence lies between 0 and 1, such as 0.95; got {confidence}")
