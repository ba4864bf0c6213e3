"""What was done with an item, and what comes next with it: a table that a merchant can check."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from conv4rec.model.event_model import EventModel
from conv4rec.train.event_candidates import Candidates
from conv4rec.train.event_holdout import Hidden


@torch.no_grad()
def own_item_associations(model: EventModel, found: list[Candidates], hidden: Hidden) -> Tensor:
    """Three tables, next types x sources, of the item's own row; NaN where nothing was hidden.

    - Times: how many times likelier the model makes the next event on an item because of what
      was done with it, the geometric mean over candidates where it was done.
    - Share: of the hidden events of the next type, the share on items where it was done.
    - Chance: what that share would be if the items came at random, from those that may come.
    """
    tables = model.tables
    n_types, n_sources = len(tables.types.names), len(tables.sources)
    per_source = 1 + tables.counted + tables.timed
    tables_of = torch.full((3, n_types, n_sources), torch.nan)
    for part in found:
        histories = hidden.histories[part.target]
        lengths = np.zeros((histories.n_users, n_sources))
        of_kind = tables.source_of_kind[histories.kind_numbers]
        heard = of_kind >= 0
        np.add.at(lengths, (histories.user_numbers[heard], of_kind[heard]), 1)
        own_item = part.values[torch.from_numpy(part.starts[:-1])]
        users = hidden.users[hidden.types == part.target]
        for source in range(n_sources):
            place = source * per_source
            done = part.values[part.values[:, place] > 0]
            if len(done):
                undone = done.clone()
                undone[:, place : place + per_source] = 0.0
                moved = model.network(done, part.target) - model.network(undone, part.target)
                tables_of[0, part.target, source] = moved.mean().exp()
            tables_of[1, part.target, source] = (own_item[:, place] > 0).float().mean()
            tables_of[2, part.target, source] = lengths[users, source].mean() / histories.n_items
        source_itself = set(
            tables.source_of_kind[tables.types.kinds(tables.types.names[part.target])]
        )
        if not tables.types.repeating[part.target]:
            for source in source_itself - {-1}:
                tables_of[:, part.target, source] = 0.0
    return tables_of
