"""What `conv4rec theory spectrum` prints: ranks of a model, while training, and by depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from conv4rec.app import service
from conv4rec.app.console import note, print_json, say
from conv4rec.app.pictures import Sheet, figure
from conv4rec.app.theory_pictures import draw

if TYPE_CHECKING:
    from conv4rec.bench.theory.emergence import Emergence
    from conv4rec.bench.theory.while_training import Look


def rank(model: str, as_json: bool) -> None:
    """Show the spectra of a saved model."""
    from conv4rec.bench.theory.spectra import model_spectra, spectra_facts

    facts = spectra_facts(model_spectra(service.load_model(model)))
    print_json({"model": model, "spectra": facts}) if as_json else show_spectra(facts)


def emerge(data: str | None, seed: int, out: str | None, as_json: bool) -> None:
    """Run the experiment, on the made-up world and on a log if one is named; show it."""
    from conv4rec.bench.theory.charts import emergence_picture
    from conv4rec.bench.theory.emergence import emergence, real_emergence

    log = service.load_log(data)[0] if data else None
    found = [emergence(seed=seed)]
    if log is not None:
        note("four depths on the log: a few minutes")
        found.append(real_emergence(log, seed=seed))
    draw(out, emergence_picture(*found) if out else "")
    if as_json:
        print_json({"data": data, "seed": seed, "tasks": [each.to_dict() for each in found]})
        return
    show_emergence(found, out)


def watch(model: str, out: str | None, as_json: bool) -> None:
    """Train a saved model again, watching its ranks; show them."""
    from conv4rec.bench.theory.charts import training_picture
    from conv4rec.bench.theory.while_training import looks_facts, ranks_while_training

    note("training twice, without rehearsals")
    found = ranks_while_training(service.load_model(model))
    draw(out, training_picture(found) if out else "")
    if as_json:
        print_json({"model": model, "starts": looks_facts(found)})
    else:
        show_training(found, out)


def show_spectra(facts: Sequence[dict[str, Any]]) -> None:
    """Print ranks and the first singular values of each map."""
    sheet = Sheet(["map", "rank", "stable rank", "entropy rank", "singular values"],
                  ("map", "singular values"), elastic="singular values")  # fmt: skip
    for row in facts:
        values = " ".join(f"{value:.3g}" for value in row["singular_values"][:8])
        ranks = [figure(row[name], 2) for name in ("stable_rank", "entropy_rank")]
        sheet.add(row["map"], str(row["rank"]), *ranks, values)
    sheet.show()
    say(
        "Stable rank: squares over the largest square. Entropy rank: how many equal singular "
        "values would spread as evenly. Neither is in the objective; its penalty on squared "
        "weights favours few directions."
    )


def show_training(found: Mapping[str, Sequence[Look]], out: str | None) -> None:
    """Print the ranks of the maps at a few steps, for each start."""
    for name, looks in found.items():
        maps = list(looks[0].entropy_ranks)
        sheet = Sheet([f"{name}: step", *maps], (f"{name}: step",))
        for look in looks:
            ranks = [
                f"{figure(look.entropy_ranks[each], 1)} / {figure(look.stable_ranks[each], 1)}"
                for each in maps
            ]
            sheet.add(str(look.step), *ranks)
        sheet.show()
    say(
        "Entropy rank / stable rank. Step 0 is what a start was given: the default one has item "
        "vectors from a decomposition of the log, the random one knows nothing."
    )
    _drawn(out)


def show_emergence(tasks: Sequence[Emergence], out: str | None) -> None:
    """Print rank and loss by depth, with the truth in the last line where it is known."""
    for found in tasks:
        say(f"{found.about}:")
        sheet = Sheet(
            ["factors", "entropy rank", "stable rank", "fresh loss", "at step", "rank at the end"],
            ("factors",),
        )
        for run in found.runs:
            ranks = [figure(rank, 2) for rank in (run.best.entropy_rank, run.best.stable_rank)]
            end = figure(run.entropy_ranks[-1], 2)
            sheet.add(str(run.depth), *ranks, figure(run.best_loss), str(run.best_step), end)
        if found.truth is not None:
            ranks = [found.truth.entropy_rank, found.truth.stable_rank]
            sheet.add("truth", *[figure(rank, 2) for rank in ranks], figure(found.entropy), "", "")
        sheet.show()
    say("At the check with the least validation loss; nothing was penalised.")
    _drawn(out)


def _drawn(out: str | None) -> None:
    if out:
        say(f"Drawn to {out}.")
