"""What each event of a history adds to the logit of an item, for logs with types.

The Aumann-Shapley values of the events: every event's weight grows from 0 to 1 at once, and each
one's share of the change of the logit is added up. With the baseline they sum to the logit exactly.

Reference:
    Aumann and Shapley 1974; Sundararajan et al., "Axiomatic attribution for deep networks", ICML
    2017 (integrated gradients).
"""

from __future__ import annotations

import numpy as np
import torch

from conv4rec.data import Events
from conv4rec.model.event_channels import FLOOR, SLIM_FLOOR, channels
from conv4rec.model.event_model import EventModel

POINTS = 32  # of the Gauss-Legendre quadrature


def event_contributions(
    model: EventModel, history: Events, target: int, item: int
) -> tuple[float, np.ndarray]:
    """The baseline of an item's logit, and what each cell of a history adds to it.

    Args:
        model: fitted.
        history: of one user.
        target: the number of the type that is asked for.
        item: the number of the item.

    Returns:
        The logit without history, and one number a cell of `history`; float64. They sum to the
        logit up to the error of the quadrature, which is added to the baseline.
    """
    tables, n_sources = model.tables, len(model.tables.sources)
    per_source = 1 + tables.counted + tables.timed
    whole = torch.from_numpy(channels(tables, history, target)[0, item]).double()
    network = model.network.double()
    try:
        nodes, weights = np.polynomial.legendre.leggauss(POINTS)
        at = torch.from_numpy((nodes + 1) / 2)[:, None]
        of_kind = tables.source_of_kind[history.kind_numbers]
        near = _cosines_to(model, history, target, item, of_kind)
        total = np.bincount(of_kind[of_kind >= 0], minlength=n_sources).astype(float)
        sums = np.bincount(of_kind[of_kind >= 0], near[of_kind >= 0], minlength=n_sources)
        length, similar = torch.from_numpy(total) * at, torch.from_numpy(sums) * at
        mean = similar / (length + 1).sqrt()
        pairs, place, n_cells = np.unique(
            history.item_numbers, return_inverse=True, return_counts=True
        )
        weights_of = tables.slim[:, [item]].toarray().ravel()[pairs].astype(float) * history.n_items
        n_pairs, regression = len(pairs) * at[:, 0], float(weights_of.sum()) * at[:, 0]
        regressed = regression / (n_pairs + 1)
        first = n_sources * per_source
        last = first + n_sources
        values = whole.repeat(POINTS, 1)
        values[:, :first] *= at
        values[:, first:last] = (mean + FLOOR).log()
        values[:, last] = (regressed + SLIM_FLOOR).log()
        values[:, -n_sources:] = length.log1p()
        values.requires_grad_(True)
        (slope,) = torch.autograd.grad(network(values, target).sum(), values)
        slope = slope * torch.from_numpy(weights / 2)[:, None]
        by_length = -similar / (2 * (length + 1) ** 1.5) / (mean + FLOOR)
        per_cell = slope[:, first:last] * by_length
        per_cell = (per_cell + slope[:, -n_sources:] / (length + 1)).sum(0).detach().numpy()
        by_cosine = slope[:, first:last] / (length + 1).sqrt() / (mean + FLOOR)
        by_cosine = by_cosine.sum(0).detach().numpy()
        own = (slope[:, :first].sum(0) * whole[:first]).reshape(n_sources, per_source).sum(1)
        heard = np.where(of_kind >= 0, of_kind, 0)
        parts = per_cell[heard] + by_cosine[heard] * near
        mine = history.item_numbers == item
        for source in range(n_sources):
            cells = np.flatnonzero(mine & (of_kind == source))
            parts[cells] += float(own[source]) / max(1, len(cells))
        parts[of_kind < 0] = 0.0
        # A pair counts once in the regression: its events share what it adds.
        slope_of = slope[:, last] / (regressed + SLIM_FLOOR) / (n_pairs + 1)
        by_pair = weights_of * float(slope_of.sum()) - float((slope_of * regressed).sum())
        parts += (by_pair / n_cells)[place]
        logit = float(network(whole[None], target).detach())
    finally:
        model.network.float()
    return logit - float(parts.sum()), parts


def _cosines_to(
    model: EventModel, history: Events, target: int, item: int, of_kind: np.ndarray
) -> np.ndarray:
    """The cosine of each cell's item, by its source, to one item; 0 where it is no neighbour."""
    found = np.zeros(len(history))
    for source, matrix in enumerate(model.tables.neighbours[target]):
        column = matrix[:, [item]].toarray().ravel()
        cells = of_kind == source
        found[cells] = column[history.item_numbers[cells]]
    return found
