"""How much the parts of the consume side say: chosen once, on the rehearsal's hidden part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from functools import cache
from math import isfinite, log

import torch
from torch import Tensor

from conv4rec.model import History
from conv4rec.model.slim import Neighbours
from conv4rec.model.sparse import Pattern
from conv4rec.train.ridge import Ridge, user_vectors

CELLS = 12_000_000  # users x items looked at; of a larger log some users, evenly spaced
CUTOFF = 20  # of NDCG
NEAR = 0.02  # relative: how much likelihood may be given for a better ranking
SURE = 2.0  # standard errors by which the ranking must then be better, user by user


@dataclass(frozen=True)
class Blend:
    """How much each part says.

    Scores are `learned` x the trained half's + `closed` x the closed form's + `neighbours` x the
    log of `floor` + the neighbours' nearness.
    """

    penalty: float = 1.0
    """Of the ridge regression, in squared singular values of Y."""
    learned: float = 1.0
    closed: float = 0.0
    neighbours: float = 0.0
    floor: float = 0.5
    """In means of the nearness over users and items."""

    def louder(self, by: float) -> Blend:
        """All parts multiplied alike: the same ranking."""
        return replace(
            self,
            learned=self.learned * by,
            closed=self.closed * by,
            neighbours=self.neighbours * by,
        )


USUAL = Blend(penalty=8.0, learned=0.4, closed=0.25, neighbours=0.6)
"""Taken in doubt: of 550 blends the best over seven validation parts (three each of ml-100k and
coat, one of douban-monti), of those nowhere more than 2% from the best likelihood."""
PENALTIES = (2.0, 8.0, 32.0)
LEARNED = (1.0, 0.8, 0.6, 0.4)
CLOSED = (0.0, 0.25, 0.5, 1.0)
LEARNED_BESIDE = (0.6, 0.4, 0.2, 0.1)  # beside the neighbours
CLOSED_BESIDE = (0.0, 0.25, 0.5)
NEIGHBOURS = (0.2, 0.4, 0.6, 0.8, 1.0, 1.4, 1.8)
EDGES = {
    "penalty": (min(PENALTIES), max(PENALTIES), 4.0),
    "learned": (min(LEARNED_BESIDE), max(LEARNED), 1.5),
    "closed": (CLOSED[1], max(CLOSED_BESIDE), 1.5),
    "neighbours": (min(NEIGHBOURS), max(NEIGHBOURS), 1.3),
}
"""The ends of the grid, and by how much a step beyond it goes."""
FURTHEST = 7.0  # from the usual value, in logs: 1,000 times
LOUDER = 1.1


@dataclass(frozen=True)
class Learned:
    """The trained half at its best look: enough to score the validation part."""

    users: Tensor  # users x consume_size
    items: Tensor  # items x consume_size
    bias: Tensor  # items
    kernel: Tensor  # types: what each says on the "consumed" channel


@dataclass(frozen=True)
class _Trial:
    nll: float
    ndcg: Tensor  # one a user
    blend: Blend


@torch.no_grad()
def choose_blend(
    learned: Learned, ridge: Ridge | None, neighbours: Neighbours | None, validation: History
) -> Blend:
    """The usual blend, or one that ranks better beyond doubt; never one of poor likelihood.

    Where the usual one is not among those that may be (a part is missing, or its likelihood is
    poor), the likeliest stands in for it.

    Those within `NEAR` of the best likelihood of the hidden interactions are compared by
    NDCG@20, user by user: which parts should say how much differs from log to log, but on a
    small log the differences drown in noise, and the best of many blends is the luckiest. All
    parts of the blend taken are then made louder or softer alike, which changes no ranking, until
    its likelihood is best.

    Args:
        learned: what the trained half says, given what was fed.
        ridge: of the same fed interactions; None to do without.
        neighbours: the same.
        validation: fed 1 where the rehearsal saw an interaction, 0 where it was hidden.
    """
    rows = _users(validation, len(learned.items))
    cells = _Cells.of(validation, rows, len(learned.items))
    trained = learned.users[rows] @ learned.items.T + learned.bias
    near = None
    if neighbours is not None:
        nearness = neighbours.to(trained.device).nearness(*_histories(validation, rows))
        near = (nearness + USUAL.floor).log()
    heard = learned.kernel[validation.types]

    @cache
    def closed(penalty: float) -> Tensor:
        assert ridge is not None
        into, out = (table.to(learned.bias) for table in ridge.tables(penalty))
        return user_vectors(into, validation, heard)[rows] @ out.T

    def tried(blend: Blend) -> _Trial:
        logits = trained * blend.learned
        if blend.closed:
            logits += closed(blend.penalty) * blend.closed
        if near is not None and blend.neighbours:
            logits += near * blend.neighbours
        return _Trial(*cells.measure(logits), blend)

    trials = [
        tried(blend)
        for penalty in (PENALTIES if ridge is not None else (USUAL.penalty,))
        for blend in _blends(penalty, ridge is not None, near is not None)
    ]
    best = _best(trials)
    while further := _beyond(best, {trial.blend for trial in trials}, ridge is not None):
        trials += [tried(blend) for blend in sorted(further, key=astuple)]
        best = _best(trials)
    return _loud_enough(best, tried)


def _loud_enough(best: Blend, tried: Callable[[Blend], _Trial]) -> Blend:
    """As loud as is likeliest, in steps of `LOUDER`: the loss has one minimum (it is convex)."""
    found = tried(best)
    for by in (LOUDER, 1 / LOUDER):
        while (next_ := tried(found.blend.louder(by))).nll < found.nll:
            found = next_
    return found.blend


def _blends(penalty: float, closed: bool, neighbours: bool) -> list[Blend]:
    """What is tried with one penalty: what it does not change, with the usual one alone."""
    usual = penalty == USUAL.penalty

    def audible(share: float) -> bool:
        return closed if share else usual

    tried = [Blend(penalty, share, c) for share in LEARNED for c in CLOSED if audible(c)]
    if neighbours and usual:
        tried += [
            Blend(penalty, share, c, near)
            for share in LEARNED_BESIDE
            for c in CLOSED_BESIDE
            if audible(c)
            for near in NEIGHBOURS
        ]
    return tried


def _beyond(best: Blend, tried: set[Blend], closed: bool) -> set[Blend]:
    """Blends a step past the edge of the grid, where the best so far lies on it or beyond.

    A search whose answer lies on its edge has not ended.
    """
    if (best.learned > 0) + (best.closed > 0) + (best.neighbours > 0) < 2:
        return set()  # one part alone is only louder or softer
    further = set()
    for name, (low, high, step) in EDGES.items():
        here, usual = getattr(best, name), getattr(USUAL, name)
        if not here or (name == "penalty" and not (closed and best.closed)):
            continue
        past = [here * step] * (here >= high) + [here / step] * (here <= low)
        further |= {replace(best, **{name: to}) for to in past if abs(log(to / usual)) < FURTHEST}
    return further - tried


def _best(trials: list[_Trial]) -> Blend:
    finite = [trial for trial in trials if isfinite(trial.nll)]
    if not finite:
        return trials[0].blend
    likeliest = min(finite, key=lambda trial: trial.nll)
    near = [trial for trial in finite if trial.nll <= (1 + NEAR) * likeliest.nll]
    usual = next((trial for trial in near if trial.blend == USUAL), likeliest)
    best = max(near, key=lambda trial: float(trial.ndcg.mean()))
    gain = best.ndcg - usual.ndcg
    doubt = float(gain.std(correction=0)) / len(gain) ** 0.5
    return (best if float(gain.mean()) > SURE * doubt else usual).blend


def _histories(validation: History, rows: Tensor) -> tuple[Pattern, Tensor]:
    """Of some users alone: where their entries are, and which were fed."""
    pattern = validation.pattern
    wanted = torch.zeros(pattern.shape[0], dtype=torch.bool, device=rows.device)
    wanted[rows] = True
    entries = wanted[pattern.rows]
    lengths = pattern.row_starts.diff()[rows]
    starts = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    part = Pattern.from_rows(starts, pattern.columns[entries], pattern.shape[1])
    return part, validation.fed[entries]


def _users(validation: History, n_items: int) -> Tensor:
    """Users with something hidden, evenly spaced if there are too many to look at all."""
    hidden = validation.pattern.row_sums((validation.fed == 0).float())
    rows = torch.nonzero(hidden).squeeze(1)
    step = max(1, -(-len(rows) * n_items // CELLS))
    return rows[::step]


@dataclass(frozen=True)
class _Cells:
    """Where the fed and the hidden interactions of some users are."""

    fed: tuple[Tensor, Tensor]
    hidden: tuple[Tensor, Tensor]
    n_hidden: Tensor
    gain: Tensor

    @classmethod
    def of(cls, history: History, rows: Tensor, n_items: int) -> _Cells:
        place = torch.full((history.pattern.shape[0],), -1, device=rows.device)
        place[rows] = torch.arange(len(rows), device=rows.device)
        owner, items = place[history.pattern.rows], history.pattern.columns
        fed, hidden = (owner >= 0) & (history.fed > 0), (owner >= 0) & (history.fed == 0)
        counts = torch.bincount(owner[hidden], minlength=len(rows))
        cut = torch.arange(2.0, min(CUTOFF, n_items) + 2.0, device=rows.device)
        return cls(
            (owner[fed], items[fed]), (owner[hidden], items[hidden]), counts, 1.0 / cut.log2()
        )

    def measure(self, logits: Tensor) -> tuple[float, Tensor]:
        """Mean -log P(hidden item) over interactions, and NDCG@20 of each user."""
        logits[self.fed] = -torch.inf
        nll = torch.logsumexp(logits, 1)[self.hidden[0]] - logits[self.hidden]
        best = logits.topk(len(self.gain), dim=1).indices
        found = (best[self.hidden[0]] == self.hidden[1][:, None]).float() @ self.gain
        dcg = torch.zeros(len(logits), device=logits.device).index_add(0, self.hidden[0], found)
        ideal = self.gain.cumsum(0)[self.n_hidden.clamp(max=len(self.gain)) - 1]
        return float(nll.mean()), dcg / ideal
