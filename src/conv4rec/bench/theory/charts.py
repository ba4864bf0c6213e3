"""The two pictures of the theory pages: recovery on log-log axes, and ranks against depth."""

from __future__ import annotations

import math
from collections.abc import Sequence

from conv4rec.bench.drawing import Axes, Curve, Panel, svg
from conv4rec.bench.theory.emergence import TRUE_RANK, Emergence
from conv4rec.bench.theory.recover import ABOUT, Recovery


def recovery_picture(found: Sequence[Recovery]) -> str:
    """TV against interactions, one panel a sampling law: dots are fits, the line is the slope."""
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
        Curve("user's own smoothed frequencies", found.means("table"), 2),
    ]
    if found.points[0].wanted is not None:
        curves.append(Curve("Conv4Rec, against the law before selection", found.means("wanted"), 3,
                            dashed=True))  # fmt: skip
    held = "" if found.law.holds else " (no guarantee)"
    return Panel(found.law.name + held, curves, f"slope {slope}")


def emergence_picture(found: Emergence) -> str:
    """Entropy rank against training steps, one line a depth, the truth's rank marked."""
    shown = [[place for place, step in enumerate(run.steps) if step > 0] for run in found.runs]

    def curves(values: str) -> list[Curve]:
        return [
            Curve(
                f"{run.depth} factor{'s' if run.depth > 1 else ''}",
                [(run.steps[place], getattr(run, values)[place]) for place in places],
                number,
            )
            for number, (run, places) in enumerate(zip(found.runs, shown, strict=True))
        ]

    truth = found.truth.entropy_rank
    panels = [
        Panel("Rank of the learned logits", curves("entropy_ranks"), "while training",
              truth, f"truth: {truth:.1f} (rank {TRUE_RANK})"),
    ]  # fmt: skip
    caption = "Softmax models of 1 to 4 square factors on one world; nothing is penalised."
    return svg(panels, Axes("training steps", "entropy rank"), caption)
