"""What was done with an item, and what comes next with it: a table that a merchant can check."""

from __future__ import annotations

import torch
from torch import Tensor

from conv4rec.model.event_model import EventModel
from conv4rec.train.event_candidates import Candidates


@torch.no_grad()
def own_item_associations(model: EventModel, found: list[Candidates]) -> Tensor:
    """Three tables, next types x sources, of the item's own row; NaN where nothing was hidden.

    - Times: how many times likelier the model makes the next event on an item because of what
      was done with it, the geometric mean over candidates where it was done.
    - Share: of the hidden events of the next type, the share on items where it was done.
    - Chance: what that share would be if the items came at random.
    """
    tables = model.tables
    n_types, n_sources = len(tables.types.names), len(tables.sources)
    per_source = 1 + tables.counted + tables.timed
    found_tables = torch.full((3, n_types, n_sources), torch.nan)
    for part in found:
        own_item = part.values[torch.from_numpy(part.starts[:-1])]
        found_tables[2, part.target] = part.chance
        for source in range(n_sources):
            place = source * per_source
            done = part.values[part.values[:, place] > 0]
            if len(done):
                undone = done.clone()
                undone[:, place : place + per_source] = 0.0
                moved = model.network(done, part.target) - model.network(undone, part.target)
                found_tables[0, part.target, source] = moved.mean().exp()
            found_tables[1, part.target, source] = (own_item[:, place] > 0).float().mean()
        kinds = tables.types.kinds(tables.types.names[part.target])
        if not tables.types.repeating[part.target]:  # it cannot come again
            for source in set(tables.source_of_kind[kinds].tolist()) - {-1}:
                found_tables[:2, part.target, source] = 0.0
    return found_tables
