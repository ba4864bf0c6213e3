"""The pictures of the theory pages: recovery, and ranks while training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from conv4rec.benchmark.charts import Axes, Curve, Panel, svg
from research.theory.emergence import TRUE_RANK, Emergence
from research.theory.ranks_while_training import RankCheck
from research.theory.recovery import ABOUT, Recovery


def recovery_picture(found: Sequence[Recovery]) -> str:
    """TV against interactions, one panel for each scheme: dots are fits, the line is the slope."""
    axes = Axes("interactions", "total variation from truth")
    return svg([_recovery_panel(each) for each in found], axes, ABOUT[0].upper() + ABOUT[1:] + ".")


def _recovery_panel(found: Recovery) -> Panel:
    slope = found.slope()
    sizes = [n for n, _ in found.means()]
    line = [(n, math.exp(slope.intercept) * n**slope.slope) for n in (sizes[0], sizes[-1])]
    curves = [
        Curve("", [(p.interactions, p.model) for p in found.points], 0, dots=True),
        Curve("Conv4Rec, fitted power law", line, 0),
        Curve("popularity × histogram", found.means("popularity"), 1),
        Curve("pooled table", found.means("pooled"), 4),
        Curve("user's own smoothed frequencies", found.means("table"), 2),
    ]
    if found.points[0].before_selection is not None:
        curves.append(Curve("Conv4Rec, against the distribution before selection",
                            found.means("before_selection"), 3, dashed=True))  # fmt: skip
    held = "" if found.scheme.holds else " (no guarantee)"
    return Panel(found.scheme.name + held, curves, f"slope {slope}")


def training_picture(found: Mapping[str, Sequence[RankCheck]]) -> str:
    """Entropy rank of the recommender's maps against steps, one panel for each initialisation."""
    panels = []
    for name, checks in found.items():
        curves = [
            Curve(
                each,
                [(check.step, check.entropy_ranks[each]) for check in checks if check.step],
                place % 3,
                dashed=place >= 3,  # the rating side
            )
            for place, each in enumerate(checks[0].entropy_ranks)
        ]
        panels.append(Panel(f"Conv4Rec, {name}", curves, "while training"))
    caption = "Ranks of tables (encoder, decoder) and of their products (maps)."
    return svg(panels, Axes("training steps", "entropy rank"), caption)


def emergence_picture(*found: Emergence) -> str:
    """Entropy rank against steps, one line for each depth; the rank of the truth if it is known."""
    caption = "Softmax models of 1 to 4 square factors; nothing is penalised."
    axes = Axes("training steps", "entropy rank of the learned logits")
    return svg([_emergence_panel(each) for each in found], axes, caption)


def _emergence_panel(found: Emergence) -> Panel:
    curves = [
        Curve(
            f"{run.depth} factor{'s' if run.depth > 1 else ''}",
            [(step, rank) for step, rank in zip(run.steps, run.entropy_ranks, strict=True) if step],
            number,
        )
        for number, run in enumerate(found.runs)
    ]
    name = "Ratings log" if found.truth is None else "Synthetic world"
    if found.truth is None:
        return Panel(name, curves, found.about)
    truth = found.truth.entropy_rank
    return Panel(name, curves, found.about, truth, f"truth: {truth:.1f} (rank {TRUE_RANK})")
