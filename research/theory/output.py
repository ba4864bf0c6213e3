"""What the experiments of the theory pages print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from conv4rec.cli.console import say
from conv4rec.cli.tables import Table, figure

if TYPE_CHECKING:
    from research.theory.emergence import Emergence
    from research.theory.ranks_while_training import RankCheck
    from research.theory.recovery import Recovery


def show_training(found: Mapping[str, Sequence[RankCheck]]) -> None:
    """Print the ranks of the maps at some steps, for each initialisation."""
    for name, checks in found.items():
        maps = list(checks[0].entropy_ranks)
        table = Table([f"{name}: step", *maps], (f"{name}: step",))
        for check in checks:
            ranks = [
                f"{figure(check.entropy_ranks[each], 1)} / {figure(check.stable_ranks[each], 1)}"
                for each in maps
            ]
            table.add(str(check.step), *ranks)
        table.show()
    say(
        "Entropy rank / stable rank. Step 0 is the initialisation: the default one takes item "
        "vectors from a decomposition of the log, the random one does not see the log."
    )


def show_emergence(tasks: Sequence[Emergence]) -> None:
    """Print rank and loss by depth, with the truth in the last line where it is known."""
    for found in tasks:
        say(f"{found.about}:")
        table = Table(
            ["factors", "entropy rank", "stable rank", "fresh loss", "at step", "rank at the end"],
            ("factors",),
        )
        for run in found.runs:
            ranks = [figure(rank, 2) for rank in (run.best.entropy_rank, run.best.stable_rank)]
            end = figure(run.entropy_ranks[-1], 2)
            table.add(str(run.depth), *ranks, figure(run.best_loss), str(run.best_step), end)
        if found.truth is not None:
            ranks = [found.truth.entropy_rank, found.truth.stable_rank]
            table.add("truth", *[figure(rank, 2) for rank in ranks], figure(found.entropy), "", "")
        table.show()
    say("At the check with the least validation loss; nothing was penalised.")


def show_recovery(found: Sequence[Recovery]) -> None:
    """Print the distances at each size, the slopes, and where the guarantee does not hold."""
    from research.theory.recovery import ABOUT, CURVES

    say(f"In {ABOUT}:")
    heads = ["world", "interactions", "Conv4Rec", "table", "popularity", "pooled", "slope"]
    table = Table(heads, ("world",))
    for each in found:
        for place, (size, model) in enumerate(each.means()):
            others = [figure(each.means(curve)[place][1]) for curve in CURVES[1:]]
            last = place == len(each.means()) - 1
            name = each.scheme.name if place == 0 else ""
            table.add(name, f"{size:,}", figure(model), *others, str(each.slope()) if last else "")
    table.show()
    for each in found:
        say(f"{each.scheme.name}: {each.verdict}.")
        if each.points[0].before_selection is not None:
            _, distance = each.means("before_selection")[-1]
            say(f"From the distribution before selection: {distance:.3f}.", indent=2)
