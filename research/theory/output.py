"""What the experiments of the theory pages print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from conv4rec.cli import service
from conv4rec.cli.console import note, print_json, say
from conv4rec.cli.tables import Table, figure
from research.theory.pictures import draw

if TYPE_CHECKING:
    from research.theory.emergence import Emergence
    from research.theory.ranks_while_training import Look
    from research.theory.recovery import Recovery


def emerge(data: str | None, seed: int, out: str | None, as_json: bool) -> None:
    """Run the experiment, on the made-up world and on a log if one is named; show it."""
    from research.theory.charts import emergence_picture
    from research.theory.emergence import emergence, real_emergence

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
    from research.theory.charts import training_picture
    from research.theory.ranks_while_training import looks_facts, ranks_while_training

    note("training twice, without rehearsals")
    found = ranks_while_training(service.load_model(model))
    draw(out, training_picture(found) if out else "")
    if as_json:
        print_json({"model": model, "starts": looks_facts(found)})
    else:
        show_training(found, out)


def show_training(found: Mapping[str, Sequence[Look]], out: str | None) -> None:
    """Print the ranks of the maps at a few steps, for each start."""
    for name, looks in found.items():
        maps = list(looks[0].entropy_ranks)
        sheet = Table([f"{name}: step", *maps], (f"{name}: step",))
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
        sheet = Table(
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


def show_recovery(found: Sequence[Recovery], out: str | None) -> None:
    """Print the distances at the largest sample, the slopes, and where the guarantee stops."""
    from research.theory.recovery import ABOUT, CURVES

    say(f"In {ABOUT}:")
    heads = ["world", "interactions", "Conv4Rec", "table", "popularity", "pooled", "slope"]
    sheet = Table(heads, ("world",))
    for each in found:
        for place, (size, model) in enumerate(each.means()):
            others = [figure(each.means(curve)[place][1]) for curve in CURVES[1:]]
            last = place == len(each.means()) - 1
            name = each.law.name if place == 0 else ""
            sheet.add(name, f"{size:,}", figure(model), *others, str(each.slope()) if last else "")
    sheet.show()
    for each in found:
        say(f"{each.law.name}: {each.verdict}.")
        if each.points[0].wanted is not None:
            _, wanted = each.means("wanted")[-1]
            say(f"Against the law before selection it stays at {wanted:.3f}.", indent=2)
    if out:
        say(f"Drawn to {out}.")
