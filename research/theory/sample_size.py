"""How many users would it take? Bounds and certificates against the size of the sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from conv4rec.benchmark.drawing import Axes, Curve, Panel, svg
from conv4rec.data import Interactions
from conv4rec.recommender import Conv4Rec
from conv4rec.recommender.guarantees.bounds import SMOOTHING
from conv4rec.recommender.guarantees.certify import METHODS, N_STATEMENTS, unit_losses
from conv4rec.recommender.guarantees.fold_in_split import fold_in_split, user_losses
from conv4rec.recommender.guarantees.generalization_gap import Gap, Side, training_n
from conv4rec.recommender.guarantees.network_norms import network_norms
from conv4rec.recommender.guarantees.rating_norms import rating_norms
from conv4rec.theory import NetworkNorms, certify, norm_bound, parameter_count_bound

LARGEST = 4.0**12  # times the sample at hand
FEWEST = 10  # held-out users

KINDS = {
    "parameter count, kernel once": (parameter_count_bound, True),
    "parameter count, kernel per item": (parameter_count_bound, False),
    "norms, kernel once": (norm_bound, True),
    "norms, kernel per item": (norm_bound, False),
}


def bound_curves(
    norms: NetworkNorms, n: int, confidence: float = 0.95
) -> dict[str, list[tuple[float, float]]]:
    """What each bound would be for the same norms and more data: name -> (size, nats)."""
    sizes = [round(n * factor) for factor in np.geomspace(1, LARGEST, 13)]
    return {
        name: [(float(m), bound(norms, m, confidence, shared=shared).value) for m in sizes]
        for name, (bound, shared) in KINDS.items()
    }


def bound_picture(
    model: Conv4Rec, gaps: Mapping[Side, Gap] | None = None, confidence: float = 0.95
) -> str:
    """Bounds of the smoothed model against the size of the sample, the trivial one marked."""
    sides: dict[Side, NetworkNorms | None] = {
        "consume": network_norms(model), "rating": rating_norms(model),
    }  # fmt: skip
    panels = []
    for side, norms in sides.items():
        n = gaps[side].n if gaps and side in gaps else training_n(model, side)
        if norms is None or not n:
            continue
        found = bound_curves(replace(norms, smoothing=SMOOTHING), n, confidence)
        curves = [
            Curve(name, points, place // 2, dashed=bool(place % 2))
            for place, (name, points) in enumerate(found.items())
        ]
        trivial = float(np.log(norms.n_outputs))
        panels.append(Panel(side, curves, f"n = {n:,} at hand", trivial, "guessing evenly"))
    axes = Axes("size of the sample", "bound on the gap, nats")
    caption = "The same norms, had there been more data. Smoothed model (1% uniform)."
    return svg(panels, axes, caption)


def certificate_picture(
    model: Conv4Rec, held_out: Interactions, confidence: float = 0.95, k: int = 20, seed: int = 0
) -> str:
    """Each certificate had only the first m held-out users come (in seeded order)."""
    losses = user_losses(model, fold_in_split(held_out, seed), k)
    each = 1 - (1 - confidence) / N_STATEMENTS
    panels = []
    for name, values, _ in unit_losses(losses, held_out, k):
        if len(values) < FEWEST:
            continue
        order = np.random.default_rng(seed).permutation(len(values))
        sizes = np.unique(np.geomspace(FEWEST, len(values), 12).round().astype(int))
        curves = [
            Curve(
                method,
                [
                    (float(m), certify(values[np.sort(order[:m])], each, method, seed).upper)
                    for m in sizes
                ],
                place,
            )
            for place, method in enumerate(METHODS)
        ]
        shown = f"1 - {name}" if name.startswith("recall") else name.replace("_", " ")
        panels.append(Panel(shown, curves, "", float(values.mean()), "mean of all"))
    axes = Axes("held-out users", "bound on the mean loss, of its cap", log_y=False)
    caption = f"Upper bounds that hold with {confidence:.0%} confidence together."
    return svg(panels, axes, caption, columns=2)
