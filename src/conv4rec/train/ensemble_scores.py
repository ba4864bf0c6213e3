"""What ensemble weights are chosen by: the scores of the components on the validation part.

Of a small log, those of all items. Of a larger one, those of a shortlist for each user, and of a
sample of the other items, from which the sum of a softmax is estimated: so a weight is tried at
the cost of users x 2,000 and not of users x items.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from conv4rec.model import History
from conv4rec.model.at_a_time import at_a_time
from conv4rec.model.likelihood import BLOCK_BYTES
from conv4rec.model.slim import SLIM
from conv4rec.model.stacking import Stacking
from conv4rec.train.item_sampling import ItemSampler
from conv4rec.train.ridge import Ridge, user_vectors

CELLS = 12_000_000  # users x items up to which all items are compared
MOST_CELLS, MOST_USERS = 60_000_000, 3_000  # of a larger log: some users, evenly spaced
LISTED = 500  # items of a shortlist, beside the masked ones
CUTOFF = 20  # of NDCG


@dataclass(frozen=True)
class EnsembleWeights:
    """How the components of the consume scores are added.

    The score of an item is `neural` x the neural component's logit + `ridge` x the ridge
    component's score + `slim` x the log of (`floor` + the SLIM component's similarity).
    """

    neural: float = 1.0
    ridge: float = 0.0
    slim: float = 0.0
    penalty: float = 8.0
    """Of the ridge component, in squared singular values."""
    floor: float = 0.5
    """In units of the mean similarity over users and items."""

    def scaled(self, by: float) -> EnsembleWeights:
        """All weights multiplied by one number, as by an inverse temperature: the same ranking."""
        return replace(self, neural=self.neural * by, ridge=self.ridge * by, slim=self.slim * by)


@dataclass(frozen=True)
class NeuralScores:
    """The neural component at its best evaluation: enough to score the validation part."""

    users: Tensor  # users x consume_size
    items: Tensor  # items x consume_size
    bias: Tensor  # items
    kernel: Tensor  # types: value of each on the "consumed" channel


@dataclass(frozen=True)
class Cells:
    """The observed and the masked interactions of some users, in columns of a table of scores."""

    masked: tuple[Tensor, Tensor]  # row, column
    n_masked: Tensor  # rows
    gain: Tensor  # by place in a list
    observed: tuple[Tensor, Tensor] | None  # row, column; None: in `added`
    added: Tensor | None = None
    """Rows x columns, to add to scores: minus infinity for what is not to be predicted, and -log of
    the probability with which a sampled item was drawn."""
    n_listed: int | None = None
    """Columns that are ranked, the first ones; None: all."""

    @classmethod
    def of(cls, part: History) -> Cells:
        """Those of all items; every user has a masked interaction."""
        rows, items, observed = part.pattern.rows, part.pattern.columns, part.observed > 0
        counts = torch.bincount(rows[~observed], minlength=part.pattern.shape[0])
        cut = torch.arange(2.0, min(CUTOFF, part.pattern.n_columns) + 2.0, device=rows.device)
        masked = (rows[~observed], items[~observed])
        return cls(masked, counts, 1.0 / cut.log2(), (rows[observed], items[observed]))

    def nll(self, logits: Tensor) -> float:
        """Mean -log P(masked item) over interactions.

        Args:
            logits: rows x columns; overwritten.
        """
        self._mask(logits)
        return float((torch.logsumexp(logits, 1)[self.masked[0]] - logits[self.masked]).mean())

    def ndcg(self, logits: Tensor) -> Tensor:
        """NDCG@20 of each user.

        Args:
            logits: rows x columns; overwritten.
        """
        self._mask(logits)
        best = logits[:, : self.n_listed].topk(len(self.gain), dim=1).indices
        gains = (best[self.masked[0]] == self.masked[1][:, None]).float() @ self.gain
        dcg = torch.zeros(len(logits), device=logits.device).index_add(0, self.masked[0], gains)
        ideal = self.gain.cumsum(0)[self.n_masked.clamp(max=len(self.gain)) - 1]
        return dcg / ideal

    def _mask(self, logits: Tensor) -> None:
        if self.observed is not None:
            logits[self.observed] = -torch.inf
        if self.added is not None:
            logits += self.added


class EnsembleScores:
    """The scores of the components for users of the validation part.

    Memory: at most 12 bytes for each of `CELLS` cells; of a larger log 24 bytes for each user and
    each item of its shortlist and of the sample.

    Args:
        neural: scores of the neural component, given the observed interactions.
        ridge: fitted on the observed interactions; None to do without.
        slim: the same.
        validation: all interactions; those of the validation part are masked.
        doubt: weights in doubt: the shortlists are the best items by these.
    """

    def __init__(
        self,
        neural: NeuralScores,
        ridge: Ridge | None,
        slim: SLIM | None,
        validation: History,
        doubt: EnsembleWeights,
    ) -> None:
        n_items = len(neural.items)
        rows = validation.rows_to_score(min(MOST_CELLS, MOST_USERS * n_items))
        self.part, self.users = validation.of_rows(rows), neural.users[rows]
        self._counts = validation.pattern.column_sums(validation.observed)
        self.of_neural, self.of_ridge = neural, ridge
        self.slim = None if slim is None else slim.to(neural.bias.device)
        self.floor = doubt.floor
        self._of_penalty: dict[float, Tensor] = {}
        self.cells, self.columns = Cells.of(self.part), None
        block = len(rows)
        if len(rows) * n_items > CELLS:
            block = max(1, at_a_time(BLOCK_BYTES, rows.device) // (4 * n_items))
        self.blocks = torch.arange(len(rows), device=rows.device).split(max(1, block))
        if len(self.blocks) > 1:
            self._make_shortlists(doubt)
        self.neural = self._of_columns(self._neural)
        self.log_similarity = None if slim is None else self._of_columns(self._log_similarity)

    def ridge(self, penalty: float) -> Tensor:
        """The scores of the ridge component; kept."""
        if penalty not in self._of_penalty:
            self._of_penalty[penalty] = self._of_columns(self._ridge_at(penalty))
        return self._of_penalty[penalty]

    def weighted(self, weights: EnsembleWeights) -> Tensor:
        """The weighted sum of all scores: rows x columns."""
        total = self.neural * weights.neural
        if weights.ridge:
            total.add_(self.ridge(weights.penalty), alpha=weights.ridge)
        if self.log_similarity is not None and weights.slim:
            total.add_(self.log_similarity, alpha=weights.slim)
        return total

    def slim_part(self, weights: EnsembleWeights) -> Tensor | None:
        """The SLIM component's part of `weighted`."""
        if self.log_similarity is None or not weights.slim:
            return None
        return self.log_similarity * weights.slim

    def popularity(self) -> Tensor:
        """Of the items, by the observed interactions: see `Stacking.popularity_of`."""
        return Stacking.popularity_of(self._counts)

    def of_columns(self, values: Tensor) -> Tensor:
        """Values of all items, in the columns of each row: rows x columns."""
        if self.columns is None:
            return values.expand(len(self.users), -1)
        return values[self.columns]

    def _neural(self, rows: Tensor) -> Tensor:
        return self.users[rows] @ self.of_neural.items.T + self.of_neural.bias

    def _log_similarity(self, rows: Tensor) -> Tensor:
        assert self.slim is not None
        part = self.part.of_rows(rows)
        return self.slim.similarity(part.pattern, part.observed).add_(self.floor).log_()

    def _ridge_at(self, penalty: float) -> Callable[[Tensor], Tensor]:
        assert self.of_ridge is not None
        bias, kernel = self.of_neural.bias, self.of_neural.kernel
        encoder, decoder = (table.to(bias) for table in self.of_ridge.tables(penalty))
        vectors = user_vectors(encoder, self.part, kernel[self.part.types])
        return lambda rows: vectors[rows] @ decoder.T

    def _of_columns(self, score: Callable[[Tensor], Tensor]) -> Tensor:
        if self.columns is None:
            return score(self.blocks[0])
        lists = self.columns.split([len(rows) for rows in self.blocks])
        return torch.cat([score(b).gather(1, c) for b, c in zip(self.blocks, lists, strict=True)])

    def _make_shortlists(self, doubt: EnsembleWeights) -> None:
        """Choose the columns: the masked items, the best items, and a sample of all."""
        whole, part = self.cells, self.part
        n_listed = min(LISTED + int(whole.n_masked.max()), part.pattern.n_columns)
        sampler = ItemSampler.by_popularity(part.pattern.column_sums(part.observed))
        sample = sampler.samples(1, torch.Generator(part.observed.device).manual_seed(0))[0]
        ridge = None if self.of_ridge is None else self._ridge_at(doubt.penalty)
        columns, added, places = [], [], []
        for rows in self.blocks:
            logits = self._neural(rows) * doubt.neural
            if ridge is not None:
                logits += ridge(rows) * doubt.ridge
            if self.slim is not None:
                logits += self._log_similarity(rows) * doubt.slim
            entries = self.part.of_rows(rows)
            at, items, seen = entries.pattern.rows, entries.pattern.columns, entries.observed > 0
            logits[at[seen], items[seen]] = -torch.inf
            logits[at[~seen], items[~seen]] = torch.inf  # listed, whatever their scores
            best, listed = logits.topk(n_listed, dim=1)
            place = torch.full_like(logits, -1, dtype=torch.int32)
            numbers = torch.arange(n_listed, dtype=torch.int32, device=listed.device)
            place.scatter_(1, listed, numbers.expand_as(listed))
            drawn = sample.items.expand(len(rows), -1)
            known = (place[:, sample.items] >= 0) | logits[:, sample.items].isneginf()
            weight = sample.log_weights.expand_as(known).masked_fill(known, -torch.inf)
            columns.append(torch.cat([listed, drawn], 1))
            added.append(torch.cat([best.where(best.isneginf(), 0.0), weight], 1))
            places.append(place[at[~seen], items[~seen]].long())
        self.columns = torch.cat(columns)
        masked = (whole.masked[0], torch.cat(places))
        self.cells = replace(
            whole, masked=masked, observed=None, added=torch.cat(added), n_listed=n_listed
        )
