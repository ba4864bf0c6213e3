"""How much the two halves of the consume side say: chosen once, on the rehearsal's hidden part."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from conv4rec.model import History
from conv4rec.train.ridge import Ridge, user_vectors

CELLS = 4_000_000  # users x items looked at; of a larger log some users, evenly spaced
CUTOFF = 20  # of NDCG
NEAR = 0.02  # relative: how much likelihood may be given for a better ranking
SURE = 1.0  # standard errors by which the ranking must then be better, user by user
PENALTIES = tuple(2.0**power for power in range(7))
LEARNED = (1.0, 0.8, 0.6, 0.4)
CLOSED = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Blend:
    """Scores are `learned` x the trained half's + `closed` x the closed form's."""

    penalty: float = 1.0
    """Of the ridge regression, in squared singular values of Y."""
    learned: float = 1.0
    closed: float = 0.0


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
def choose_blend(learned: Learned, ridge: Ridge, validation: History) -> Blend:
    """The blend with the best likelihood, or one near it that ranks better beyond doubt.

    The likelihood alone listens little to the closed form, whose scores are less well scaled
    from user to user than the trained half's. Where NDCG@20 of the hidden interactions says,
    over all users and by `SURE` standard errors, that a blend ranks better, it is worth a
    little likelihood; on a small log nothing is that sure, and the law of the data comes first.

    Args:
        learned: what the trained half says, given what was fed.
        ridge: of the same fed interactions.
        validation: fed 1 where the rehearsal saw an interaction, 0 where it was hidden.
    """
    rows = _users(validation, len(learned.items))
    cells = _Cells.of(validation, rows, len(learned.items))
    trained = learned.users[rows] @ learned.items.T + learned.bias
    trials = [_Trial(*cells.measure(trained), Blend())]
    device = trained.device
    for penalty in PENALTIES:
        into, out = (table.to(device) for table in ridge.tables(penalty))
        values = learned.kernel[validation.types]
        closed = user_vectors(into, validation, values)[rows] @ out.T
        for share in LEARNED:
            for more in CLOSED:
                found = cells.measure(trained * share + closed * more)
                trials.append(_Trial(*found, Blend(penalty, share, more)))
    likeliest = min(trials, key=lambda trial: trial.nll)
    near = [trial for trial in trials if trial.nll <= (1 + NEAR) * likeliest.nll]
    best = max(near, key=lambda trial: float(trial.ndcg.mean()))
    gain = best.ndcg - likeliest.ndcg
    doubt = float(gain.std(correction=0)) / len(gain) ** 0.5
    return (best if float(gain.mean()) > SURE * doubt else likeliest).blend


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
