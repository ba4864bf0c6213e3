"""Stacking: a second 1-by-1 convolution, over the components' scores of each pair.

The weighted sum of the components' consume scores is corrected by a network that is the same for
all users and items. It reads four channels of a pair: the sum, the SLIM component's part of it,
how popular the item is, and how long the history:

    score(i | x) = sum + linear . z + out . bend(first z + bias),

where bend is 0 below -1, the identity above 1, and a parabola between, and z the channels, each cut
at the ends of the range it was trained on and standardised. So a component may count for more among
rare items, or in long histories, and a score that is too sure of itself is bent down; beyond the
range, the correction stays as it is at its end.

Without a kink training is stable: a rounding error moved log P by .2 with relu, which has one at 0,
and moves it by 1e-5. tanh is as stable, and takes several times as long.

References:
    Wolpert, "Stacked generalization", Neural Networks 5, 1992. One small network, shared by all
    pairs, over channels: Conv4Rec, whose channels are interaction types.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from conv4rec.model.at_a_time import at_a_time

SUM, SLIM_PART, POPULARITY, LENGTH = range(4)
N_CHANNELS = 4
CELLS = 8_192  # users x items at a time: 512 kB of hidden units stay in a processor's cache


class Stacking(nn.Module):
    """The correction, with the popularity of the items that it reads.

    Args:
        n_items: of the catalogue.
        size: hidden units.
    """

    def __init__(self, n_items: int, size: int) -> None:
        super().__init__()

        def table(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.zeros(shape), requires_grad=False)

        self.linear, self.first = table(N_CHANNELS), table(size, N_CHANNELS)
        self.bias, self.out = table(size), table(size)
        self.mean, self.deviation = table(N_CHANNELS), table(N_CHANNELS)
        self.range = table(2, N_CHANNELS)  # least and most of each channel in training
        self.popularity = table(n_items)

    @staticmethod
    def popularity_of(counts: Tensor) -> Tensor:
        """How popular items are: the log of their counts against the mean, alike for any size.

        >>> Stacking.popularity_of(torch.tensor([0.0, 9.0, 99.0])).round(decimals=1)
        tensor([-3.6000, -1.3000,  1.0000])
        """
        return torch.log1p(counts) - torch.log1p(counts.mean())

    def corrected(self, scores: Tensor, slim_part: Tensor | None, n_consumed: Tensor) -> Tensor:
        """Add the correction to scores, in place: users x items.

        Memory: 120 bytes for each of `CELLS` pairs, about.

        Args:
            scores: users x items; the weighted sum of all components.
            slim_part: users x items; the SLIM component's part of it. None for none.
            n_consumed: users; items in the history.
        """
        cells, folded = at_a_time(CELLS, scores.device), self.folded(torch.log1p(n_consumed))
        n_users = max(1, cells // max(1, scores.shape[1]))
        for first in range(0, len(scores), n_users):
            users = slice(first, first + n_users)
            for start in range(0, scores.shape[1], cells):
                own = (users, slice(start, start + cells))
                part = None if slim_part is None else slim_part[own]
                sums = scores[own]
                channels = self.channels(sums, part, self.popularity[own[1]])
                sums.add_(folded.correction(channels, users))
        return scores

    @staticmethod
    def channels(scores: Tensor, slim_part: Tensor | None, popularity: Tensor) -> Tensor:
        """What differs between the items of a user: 3 x users x items."""
        slim_part = torch.zeros_like(scores) if slim_part is None else slim_part
        return torch.stack([scores, slim_part, popularity.expand_as(scores)])

    def forward(self, channels: Tensor, length: Tensor) -> Tensor:
        """The correction: users x items.

        Args:
            channels: 3 x users x items; see `channels`.
            length: users; log(1 + items in the history).
        """
        return self.folded(length).correction(channels)

    def folded(self, length: Tensor) -> Folded:
        """What is the same for all items of users whose histories have these lengths."""
        linear, constant = self.linear / self.deviation, self._of_length(length)
        return Folded(
            self.range[:, :LENGTH, None],
            (self.first / self.deviation)[:, :LENGTH].repeat(2, 1),
            torch.cat([constant + 1.0, constant - 1.0]),
            torch.cat([self.out, -self.out]) / 4.0,
            linear[:LENGTH],
            linear[LENGTH] * self._cut_length(length) - linear @ self.mean,
        )

    def secant_slopes(self, before: Tensor, after: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """How much of a change of the correction each channel makes: two slopes, items.

        The correction moves by exactly the first slope times the change of the sum plus the second
        times the change of the SLIM component's part: each hidden unit moves by its own secant.

        Args:
            before: 3 x items; the channels of one user.
            after: the same, later; popularity as it was.
            length: scalar; see `forward`.
        """
        least, most = self.range[:, :LENGTH, None].to(before)
        cut = [channels.clamp(least, most) for channels in (before, after)]
        slopes = (self.first / self.deviation)[:, :LENGTH].to(before)
        constant = self._of_length(length[None].to(self.first)).to(before)
        hidden = [slopes @ channels + constant for channels in cut]
        share = _secant(hidden[0], hidden[1], bend)  # units x items
        linear = (self.linear / self.deviation)[:LENGTH, None].to(before)
        of_cut = linear + slopes.T @ (share * self.out[:, None].to(before))
        whole = of_cut * _secant(before, after, lambda c: c.clamp(least, most))
        return whole[SUM], whole[SLIM_PART]

    def _cut_length(self, length: Tensor) -> Tensor:
        return length.clamp(*self.range[:, LENGTH])

    def _of_length(self, length: Tensor) -> Tensor:
        """What the hidden units read of each user alone: units x users."""
        slopes = self.first / self.deviation
        constant = self.bias - slopes @ self.mean
        return constant[:, None] + torch.outer(slopes[:, LENGTH], self._cut_length(length))


@dataclass(frozen=True)
class Folded:
    """The correction with everything folded in that does not differ between the items of a user.

    bend(x) = (max(x + 1, 0)^2 - max(x - 1, 0)^2) / 4, so each unit is two, which are squared.
    """

    range: Tensor  # 2 x 3 x 1: least and most of each channel
    slopes: Tensor  # 2 units x 3
    constant: Tensor  # 2 units x users
    out: Tensor  # 2 units
    linear: Tensor  # 3
    of_user: Tensor  # users

    def correction(self, channels: Tensor, users: slice = slice(None)) -> Tensor:
        """Of some of the users: users x items; their channels are 3 x users x items."""
        cut, units = self._units(channels, users)
        added = self.linear @ cut + self.out @ units.square_()
        return added.view(channels.shape[1:]).add_(self.of_user[users, None])

    def slopes_of(
        self, channels: Tensor, slope_of: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """The slopes of a loss in `slopes`, `constant`, `out`, `linear` and `of_user`.

        Two thirds of the time of automatic differentiation, which keeps and copies each step.

        Args:
            channels: 3 x users x items.
            slope_of: the slope of the loss in the correction, given that: users x items of both.
        """
        n_users, n_items = channels.shape[1:]
        cut, units = self._units(channels, slice(None))
        squares = units.square()
        added = (self.linear @ cut + self.out @ squares).view(n_users, n_items)
        slope = slope_of(added + self.of_user[:, None])
        flat, of_units = slope.flatten(), 2.0 * self.out[:, None]
        weighed = units.mul_(flat)
        of_constant = weighed.view(-1, n_users, n_items).sum(2) * of_units
        return weighed @ cut.T * of_units, of_constant, squares @ flat, cut @ flat, slope.sum(1)

    def _units(self, channels: Tensor, users: slice) -> tuple[Tensor, Tensor]:
        """The channels within their ranges, and the units, not squared; both ... x pairs."""
        cut = channels.flatten(1).clamp(self.range[0], self.range[1])
        units = (self.slopes @ cut).view(-1, *channels.shape[1:])
        return cut, units.add_(self.constant[:, users, None]).relu_().flatten(1)


def bend(values: Tensor) -> Tensor:
    """0 below -1, the identity above 1, and the parabola between that has the slopes of both.

    >>> bend(torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0]))
    tensor([0.0000, 0.0000, 0.2500, 1.0000, 2.0000])
    """
    inner = values.clamp(-1.0, 1.0)
    above = (values - inner).clamp_(min=0.0)
    half = (inner + 1.0).mul_(0.5)
    return above.addcmul_(half, half)


def _secant(before: Tensor, after: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """(f(after) - f(before)) / (after - before); where nothing moved, 0."""
    moved = after - before
    return (function(after) - function(before)) / moved.where(moved != 0, torch.inf)
