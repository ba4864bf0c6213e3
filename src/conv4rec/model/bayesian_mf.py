"""The rating side's exact half: a person's factors solved from their ratings, not looked up.

Beside the trained half stands a Bayesian factorisation of the ratings, an ordered probit (see
`conv4rec.model.ordinal`). A rating is the level whose thresholds a latent value falls between,

    x_ui = p_u . q_i + b_u + c_i + noise / sqrt(w_u),
    (p_u, b_u) ~ N((1, f_u) B, inverse precision),    w_u ~ Gamma(nu / 2, nu / 2),

f_u being what the *pattern* of the history says, ratings aside, and w_u how steadily the person
rates. Given a draw of the items' factors (q_i, c_i), what a rating tells of (p_u, b_u) is as good
as one observation of x, of a precision and a value that are found by expectation propagation;
given these, the posterior of (p_u, b_u) is one small linear system a person, the same for people
who were in training and for those who are new. Averaged over the draws kept
(`conv4rec.train.gibbs` makes them), p_u . q_i + b_u + c_i is all but the posterior mean of x.
How unsure it is, how steadily the person rates and which levels they favour
(`conv4rec.model.response_style`) give the chance of each level. What is served is a mixture with the
trained half's distribution: a linear pool, whose mean lies between theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from conv4rec.model.normal_equations import entry_variances, normal_equations, solve
from conv4rec.model.ordinal import edges, interval_probability, level_log_probabilities, sites
from conv4rec.model.response_style import level_biases
from conv4rec.model.sparse import SparsePattern

FIRST_ROUNDS = 6  # of solving a person and matching their ratings, at the first draw
FIRST_SHARE = 0.9  # of what x itself would tell: a rating, before anything is matched
USER_PRECISION_GRID = tuple(
    2.0 ** (0.75 * step) for step in range(-4, 5)
)  # w_u is looked for among these
N_REFERENCE_ITEMS = 64  # items, as often rated as most: where a person's own doubt is measured


@dataclass(frozen=True)
class Solved:
    """People as one draw has them."""

    mean: Tensor  # people x size: of (p_u, b_u)
    root: Tensor  # people x size x size: Cholesky factors of its precision
    weight: Tensor  # entries: the precision that each rating is worth; 0 where there is none
    value: Tensor  # entries: the x that it is worth
    left: Tensor  # entries: the mean of x by everything but the entry's own rating
    known: Tensor  # entries: how unsure that mean is, as a variance
    noise: Tensor  # people: variance of x around its mean, 1 / (noise w_u)


class BayesianMF(nn.Module):
    """Draws of the factorisation, enough to read any history and to score any item.

    Args:
        n_items: rows of the tables.
        n_levels: levels that a rating can have.
        n_draws: draws kept.
        size: width of a draw: the factors and one offset.
        n_features: what the pattern of a history is boiled down to.
    """

    def __init__(self, n_items: int, n_levels: int, n_draws: int, size: int, n_features: int):
        super().__init__()

        def table(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(*shape), requires_grad=False)

        self.items = table(n_draws, n_items, size)  # q_i, then the offset c_i
        self.prior = table(n_draws, 1 + n_features, size)  # B
        self.precision = table(n_draws, size, size)
        self.noise = table(n_draws)  # 1 / variance
        self.nu = table(n_draws)  # nu: how alike people are in how steadily they rate
        self.thresholds = table(n_draws, n_levels - 1)  # between the levels
        self.features = table(n_items, n_features)  # what an item adds to f_u
        self.ratings = table(n_levels)  # x of each level, before anything is matched
        self.reference_items = table(n_draws, N_REFERENCE_ITEMS, size)  # rows of `items`
        self.uncertainty_ratio = table(
            n_items
        )  # how unsure x is, over how unsure it is for the crowd
        self.response_style_precision = table(
            n_levels, n_levels
        )  # precision of people's level biases
        self.share = table(1)  # of this half in what is served; the trained half has the rest

    def encode(
        self, pattern: SparsePattern, types: Tensor, observed: Tensor, length: Tensor
    ) -> Tensor:
        """Encode histories, to be scored by `score`: users x (draws x size + 3 + levels).

        First what items are multiplied by, then the offset, the variance of x around its mean,
        how unsure that mean is for the crowd, and the person's level biases.

        Args:
            pattern: whose entries, as in `History`.
            types: level numbers; n_levels where there is no rating.
            fed: 1 where fed.
            length: users x 1: what the sums of features are divided by.
        """
        f = self.features_of(pattern, observed, length)
        latent, one = [], torch.ones_like(f[:, :1])
        totals = _Totals()
        for draw, solved in enumerate(self.people(pattern, types, observed, f, self.items)):
            latent += [solved.mean[:, :-1], one]
            totals.add(self.reference_items[draw], solved)
        tail = self._about(totals, pattern, types, observed)
        return torch.cat([torch.cat(latent, 1) / len(self.items), tail.to(f)], 1)

    def read_entries(
        self, pattern: SparsePattern, types: Tensor, observed: Tensor, length: Tensor
    ) -> Tensor:
        """One row an entry, float64: with `encode` of nobody, a history's rows sum to its `encode`.

        p_0 being what is expected of someone with no history, its own is

            p_u = p_0 + P^-1 (precision B'f_u + sum over e of weight_e z_e r_e),
            r_e = value_e - c_e - z_e . p_0,

        P the precision after the ratings: an entry adds what its item says of the pattern, and by
        how much its rating surprised. How unsure all this is, and the level biases, are the
        person's: entries share alike in how these differ from nobody's.
        """
        rows, columns = pattern.rows, pattern.columns
        added = (observed[:, None] * self.features[columns] / length[rows]).double()
        f = pattern.row_sums(added)
        f = torch.cat([torch.ones_like(f[:, :1]), f], 1)
        items = self.items.double()
        latent, totals = [], _Totals()
        moved_offset = added.new_zeros(len(columns), 1)
        for draw, solved in enumerate(self.people(pattern, types, observed, f, items)):
            z, prior = items[draw, columns], self.prior[draw].double()
            excess = solved.value - z[:, -1]
            z[:, -1] = 1.0
            surprise = solved.weight * (excess - z @ prior[0])
            right = added @ (prior[1:] @ self.precision[draw].double()) + z * surprise[:, None]
            moved = torch.cholesky_solve(right[:, :, None], solved.root[rows])[:, :, 0]
            latent += [moved[:, :-1], torch.zeros_like(moved_offset)]
            moved_offset = moved_offset + moved[:, -1:]
            totals.add(self.reference_items[draw].double(), solved)
        tail = self._about(totals, pattern, types, observed)
        nobody = self.encode(*_nobody(pattern, length))[:, -tail.shape[1] :]
        n_entries = pattern.row_starts.diff()[rows, None]
        shared = ((tail - nobody)[rows] / n_entries)[:, 1:]
        latent = torch.cat([*latent, moved_offset], 1) / len(self.items)
        return torch.cat([latent, shared], 1)

    def left_out(
        self, pattern: SparsePattern, types: Tensor, observed: Tensor, length: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What is said of each entry's rating by everything but that rating.

        Returns the log chances of the levels, entries x levels, and a 1 at the level given,
        likewise, with none where there is no rating: what `level_biases` asks for.
        """
        totals, f = _Totals(), self.features_of(pattern, observed, length)
        for draw, solved in enumerate(self.people(pattern, types, observed, f, self.items)):
            totals.add(self.reference_items[draw], solved)
        return self._said(totals, pattern), self._given(types, observed)

    def features_of(self, pattern: SparsePattern, observed: Tensor, length: Tensor) -> Tensor:
        """(1, f_u): users x (1 + features)."""
        f = pattern.look_up(observed[:, None], self.features[None]) / length
        return torch.cat([torch.ones_like(f[:, :1]), f], 1)

    def _given(self, types: Tensor, observed: Tensor) -> Tensor:
        """1 at the level of each entry that is fed and rated: entries x levels, float64."""
        n_levels = len(self.ratings)
        return nn.functional.one_hot(types, n_levels + 1)[:, :-1].double() * observed[:, None]

    def _said(self, totals: _Totals, pattern: SparsePattern) -> Tensor:
        variance = totals.left_variance + totals.noise[pattern.rows]
        return level_log_probabilities(totals.left, variance, self.thresholds.double().mean(0))

    def _about(
        self, totals: _Totals, pattern: SparsePattern, types: Tensor, observed: Tensor
    ) -> Tensor:
        """What goes behind the latent part of a reading: people x (3 + levels), float64."""
        given, response_style_precision = (
            self._given(types, observed),
            self.response_style_precision.double(),
        )
        biases, _ = level_biases(
            pattern, self._said(totals, pattern), given, response_style_precision
        )
        columns = (totals.offset, totals.noise, totals.unsure)
        return torch.cat([*(column.double()[:, None] for column in columns), biases], 1)

    def people(
        self, pattern: SparsePattern, types: Tensor, observed: Tensor, f: Tensor, items: Tensor
    ) -> Iterator[Solved]:
        """Each draw's people, in the dtype of `items` and `f`; what entries say in float64.

        What ratings are worth is matched to the draw before: it comes near at the first draw, and
        goes on with the draws from there. So does w_u, its mean (of the logarithm) over a grid.
        """
        n_levels, rows = len(self.ratings), pattern.rows
        rated = (observed * (types < n_levels)).double()
        level = types.clamp(max=n_levels - 1)
        weight, value = rated * FIRST_SHARE * self.noise[0], self.ratings.double()[level]
        for draw, factors in enumerate(items):
            precise, bounds = self.noise[draw].double(), edges(self.thresholds[draw].double())
            low, high = bounds[level], bounds[level + 1]
            expected, precision = f @ self.prior[draw].to(f), self.precision[draw].to(f)
            z, c = factors[pattern.columns], factors[pattern.columns, -1].double()
            z[:, -1] = 1.0
            for rounds_left in range(1 if draw else FIRST_ROUNDS, 0, -1):
                gram, right = normal_equations(pattern, factors, value.to(f), weight.to(f))
                mean, root = solve(gram, right, expected, precision, f.new_ones(1))
                x = (z * mean[rows]).sum(1).double() + c
                unsure = entry_variances(pattern, factors, root).double().clamp(min=1e-8)
                known = 1.0 / (1.0 / unsure - weight).clamp(min=1e-4 / unsure)
                left = (x / unsure - weight * value) * known
                contribution = left, known, low, high
                noise = 1.0 / (precise * self._user_precision(draw, pattern, rated, *contribution))
                if rounds_left == 1:
                    yield Solved(mean, root, weight, value, left, known, noise)
                weight, value = sites(left, known, noise[rows], low, high)
                weight = weight * rated

    def _user_precision(
        self,
        draw: int,
        pattern: SparsePattern,
        rated: Tensor,
        left: Tensor,
        known: Tensor,
        low: Tensor,
        high: Tensor,
    ) -> Tensor:
        """w_u by how well each entry's rating is foretold by the others: people."""
        noise, nu = self.noise[draw].double(), self.nu[draw].double()
        grid, found = left.new_tensor(USER_PRECISION_GRID), []
        for user_precision in USER_PRECISION_GRID:
            deviation = (known + 1.0 / (noise * user_precision)).sqrt()
            probability = interval_probability((low - left) / deviation, (high - left) / deviation)
            found.append(pattern.row_sums(probability.clamp(min=1e-300).log() * rated))
        probabilities = torch.stack(found, 1) + nu / 2 * (grid.log() - grid)
        return (torch.softmax(probabilities, 1) @ grid.log()).exp()

    def score(self, encode: Tensor, users: Tensor, items: Tensor) -> Tensor:
        """The expected x, for pairs (row of `encode`, item)."""
        latent, found, _ = self._split(encode)
        found = found[users]
        for people, table in zip(latent, self.items, strict=True):
            found = found + (people[users] * table[items]).sum(1)
        return found

    def score_all(self, encode: Tensor) -> Tensor:
        """The same for every user of `encode` and every item: users x items."""
        latent, found, _ = self._split(encode)
        found = found[:, None].expand(-1, self.items.shape[1])
        for people, table in zip(latent, self.items, strict=True):
            found = found + people @ table.T
        return found

    def pool(
        self, logits: Tensor, expected: Tensor, about: Tensor, uncertainty_ratio: Tensor
    ) -> Tensor:
        """The log of a mixture of both halves' distributions, each with the person's level biases.

            (1 - share) softmax(logits + b) + share softmax(log P + b),

        b being the person's level biases and P the ordered probit's chances: a linear opinion pool.
        Its mean lies between theirs and rises with both, on any scale.

        Args:
            logits: ... x levels; the trained half's.
            expected: ...; of x.
            about: ... x (2 + levels), or what broadcasts to it: the end of a row of `encode`.
            doubt: ...; of the items, from `uncertainty_ratio`.

        Reference:
            Stone, "The opinion pool", Annals of Mathematical Statistics 1961.
        """
        noise, unsure, biases = about[..., 0], about[..., 1], about[..., 2:]
        thresholds = self.thresholds.to(expected).mean(0)
        contribution = level_log_probabilities(
            expected, noise + unsure * uncertainty_ratio, thresholds
        )
        share = self.share.to(logits)
        trained, bayesian_mf = (
            torch.log_softmax(part + biases, -1) for part in (logits, contribution)
        )
        return torch.logaddexp(trained + (1.0 - share).log(), bayesian_mf + share.log())

    def pooled(self, logits: Tensor, encode: Tensor, users: Tensor, items: Tensor) -> Tensor:
        """`pool` for pairs (row of `encode`, item): pairs x levels."""
        about = self.about(encode)[users]
        return self.pool(
            logits, self.score(encode, users, items), about, self.uncertainty_ratio[items]
        )

    def pooled_all(self, logits: Tensor, encode: Tensor) -> Tensor:
        """`pool` for every user of `encode` and every item: users x items x levels."""
        return self.pool(
            logits, self.score_all(encode), self.about(encode)[:, None], self.uncertainty_ratio
        )

    def latent_all(self, encode: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The x of every user of `encode`: its mean, how unsure that is, and the spread around it.

        The mean and its posterior standard deviation are users x items, the standard deviation of
        a person's ratings around the mean users x 1.
        """
        about = self.about(encode)
        unsure = (about[:, 1, None] * self.uncertainty_ratio).clamp(min=0.0).sqrt()
        return self.score_all(encode), unsure, about[:, :1].sqrt()

    def about(self, encode: Tensor) -> Tensor:
        """What a reading says of how people rate: users x (2 + levels) (see `pool`)."""
        return self._split(encode)[2]

    def _split(self, encode: Tensor) -> tuple[tuple[Tensor, ...], Tensor, Tensor]:
        draws, _, size = self.items.shape
        latent, offset, about = encode.split([draws * size, 1, 2 + len(self.ratings)], 1)
        return latent.split(size, 1), offset[:, 0], about


class _Totals:
    """What is summed over draws, and its means."""

    def __init__(self) -> None:
        self.n, self.sums = 0, [torch.zeros(())] * 8

    def add(self, reference_items: Tensor, solved: Solved) -> None:
        """Take in one draw's people, and what it says of the crowd's items (items x size)."""
        z, c = reference_items.clone(), reference_items[:, -1]
        z[:, -1] = 1.0
        x = solved.mean @ z.T + c
        unsure = torch.cholesky_inverse(solved.root) * (z.T @ z / len(z))
        new = (solved.mean[:, -1], solved.noise, unsure.sum((1, 2)), x, x.square())
        new = (*new, solved.left, solved.left.square(), solved.known)
        self.n += 1
        self.sums = [total.to(more) + more for total, more in zip(self.sums, new, strict=True)]

    def _mean(self, at: int) -> Tensor:
        return self.sums[at] / self.n

    def _between(self, at: int) -> Tensor:
        """The variance between draws, from the sums of values and of their squares."""
        return (self._mean(at + 1) - self._mean(at).square()).clamp(min=0.0)

    @property
    def offset(self) -> Tensor:
        """b_u: people."""
        return self._mean(0)

    @property
    def noise(self) -> Tensor:
        """Variance of x around its mean: people."""
        return self._mean(1)

    @property
    def unsure(self) -> Tensor:
        """How unsure the mean of x is for the crowd's items, within draws and between: people."""
        return self._mean(2) + self._between(3).mean(1)

    @property
    def left(self) -> Tensor:
        """The mean of x by everything but the entry's own rating: entries."""
        return self._mean(5)

    @property
    def left_variance(self) -> Tensor:
        """How unsure that is: entries."""
        return self._mean(7) + self._between(5)


def _nobody(pattern: SparsePattern, length: Tensor) -> tuple[SparsePattern, Tensor, Tensor, Tensor]:
    """One person without a history, over the same items, as `encode` wants it."""
    none = pattern.columns[:0]
    alone = SparsePattern.from_rows(none.new_zeros(2), none, pattern.shape[1])
    return alone, none, length.new_zeros(0), length.new_ones(1, 1)
