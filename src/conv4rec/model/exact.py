"""The rating side's exact half: a person's factors solved from their ratings, not looked up.

Beside the trained half stands a Bayesian factorisation of the ratings: on the "liked" channel,

    t_ui = p_u . q_i + b_u + c_i + noise / sqrt(w_u),
    (p_u, b_u) ~ N((1, f_u) B, inverse precision),    w_u ~ Gamma(nu / 2, nu / 2),

f_u being what the *pattern* of the history says, ratings aside, and w_u how steadily the person
rates. Given w_u and a draw of the items' factors (q_i, c_i), the mean of (p_u, b_u) over its
posterior is one small linear system a person, the same for people who were in training and for
those who are new; w_u is its expectation (see `_people`). Averaged over the draws kept
(`conv4rec.train.sampler` makes them), p_u . q_i + b_u + c_i is all but the posterior mean of t, and
the trained half's distribution over the levels takes it for an observation of its own mean
(`conv4rec.model.mean_shift`). How far it may be off is the posterior's standard deviation: between
draws, and of the person within a draw.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from conv4rec.model.lookup import Pattern
from conv4rec.model.mean_shift import shift_mean

CELLS = 16_384  # padded entries looked at together: more fall out of the cache
FIRST_ROUNDS = 3  # of solving a person and weighing their ratings, at the first draw
WITHIN = 8  # draws whose own uncertainty of a person is looked at; all 40 say the same to 0.2%


class ExactHalf(nn.Module):
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
        self.freedom = table(n_draws)  # nu: how alike people are in how steadily they rate
        self.features = table(n_items, n_features)  # what an item adds to f_u
        self.ratings = table(n_levels)  # t of each level
        self.mean_precision = table(1)  # of what is expected, as an observation of the mean

    def read(
        self, pattern: Pattern, types: Tensor, fed: Tensor, length: Tensor, spread: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Encode histories: users x (draws x (size + 1)), to be scored by `score`.

        With `spread` comes what `deviation` reads: of some draws, inverse Cholesky factors of the
        people's precisions, users x draws x size x size.

        Args:
            pattern: whose entries, as in `History`.
            types: level numbers; n_levels where there is no rating.
            fed: 1 where fed.
            length: users x 1: what the sums of features are divided by.
            spread: whether how well each person is known is wanted too.
        """
        f = pattern.look_up(fed[:, None], self.features[None]) / length
        f = torch.cat([torch.ones_like(f[:, :1]), f], 1)
        latent, roots, n_draws = [], [], len(self.items)
        every = max(1, n_draws // WITHIN)
        people = self._people(pattern, *self._told(types, fed), f, self.items)
        for draw, (mean, root, _) in enumerate(people):
            latent += [mean[:, :-1], torch.ones_like(mean[:, -1:]), mean[:, -1:]]
            if spread and draw % every == 0:
                one = torch.eye(root.shape[1]).to(root).expand_as(root)
                roots.append(torch.linalg.solve_triangular(root, one, upper=False))
        return torch.cat(latent, 1) / n_draws, torch.stack(roots, 1) if roots else None

    def read_entries(self, pattern: Pattern, types: Tensor, fed: Tensor, length: Tensor) -> Tensor:
        """One row an entry, float64: with `read` of nobody, a history's rows sum to its `read`.

        p_0 being what is expected of someone with no history, its own is

            p_u = p_0 + P^-1 (precision B'f_u + w_u noise sum over e of z_e r_e),
            r_e = t_e - c_e - z_e . p_0,

        P the precision after the ratings: an entry adds what its item says of the pattern, and by
        how much its rating surprised.
        """
        rows, columns = pattern.rows, pattern.columns
        added = (fed[:, None] * self.features[columns] / length[rows]).double()
        t, rated = (values.double() for values in self._told(types, fed))
        f = pattern.row_sums(added)
        f = torch.cat([torch.ones_like(f[:, :1]), f], 1)
        items = self.items.double()
        latent = []
        people = self._people(pattern, t, rated, f, items)
        for draw, (_, root, steady) in enumerate(people):
            z, prior = items[draw, columns], self.prior[draw].double()
            excess = t - z[:, -1]
            z[:, -1] = 1.0
            surprise = self.noise[draw] * steady[rows] * rated * (excess - z @ prior[0])
            right = added @ (prior[1:] @ self.precision[draw].double()) + z * surprise[:, None]
            moved = torch.cholesky_solve(right[:, :, None], root[rows])[:, :, 0]
            latent += [moved[:, :-1], torch.zeros_like(moved[:, -1:]), moved[:, -1:]]
        return torch.cat(latent, 1) / len(self.items)

    def _told(self, types: Tensor, fed: Tensor) -> tuple[Tensor, Tensor]:
        """The t of each entry, and 1 where it counts: fed, and rated."""
        n_levels = len(self.ratings)
        return self.ratings[types.clamp(max=n_levels - 1)], fed * (types < n_levels)

    def _people(
        self, pattern: Pattern, t: Tensor, rated: Tensor, f: Tensor, items: Tensor
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """By draw: each person's mean, the Cholesky factor of its precision, and w_u.

        w_u is its own expectation given the factors of the draw before (variational Bayes, as
        neither has a closed form beside the other): it comes near at the first draw, and goes on
        with the draws from there. In the dtype of `items` and `f`.
        """
        n_rated, steady = pattern.row_sums(rated), torch.ones_like(f[:, 0])
        draws = zip(self.prior, self.precision, self.noise, self.freedom, strict=True)
        for draw, (prior, precision, noise, freedom) in enumerate(draws):
            expected, precision = f @ prior.to(f), precision.to(f)
            gram, right = normal_equations(pattern, items[draw], t, rated)
            squares = pattern.row_sums(rated * (t - items[draw, pattern.columns, -1]).square())
            for rounds_left in range(1 if draw else FIRST_ROUNDS, 0, -1):
                mean, root = solve(gram, right, expected, precision, noise * steady)
                if rounds_left == 1:
                    yield mean, root, steady
                left = squares - 2 * (mean * right).sum(1)
                left += ((gram @ mean[:, :, None])[:, :, 0] * mean).sum(1)
                left += (torch.cholesky_inverse(root) * gram).sum((1, 2))  # what is not known
                steady = (freedom + n_rated) / (freedom + noise * left.clamp(min=0.0))

    def score(self, read: Tensor, users: Tensor, items: Tensor) -> Tensor:
        """The expected t, for pairs (row of `read`, item)."""
        found = read.new_zeros(len(users))
        for latent, table in zip(self._by_draw(read), self.items, strict=True):
            mine = latent[users]
            found = found + (mine[:, :-1] * table[items]).sum(1) + mine[:, -1]
        return found

    def score_all(self, read: Tensor, items: Tensor | None = None) -> Tensor:
        """The same for every user of `read` and every item, or some: users x items."""
        found = read.new_zeros(())
        for latent, table in zip(self._by_draw(read), self.items, strict=True):
            table = table if items is None else table[items]
            found = found + (latent[:, :-1] @ table.T.to(read) + latent[:, -1:])
        return found

    def deviation(self, read: Tensor, roots: Tensor) -> Tensor:
        """Posterior standard deviation of the expected t: users x items.

        Its square is the variance between the draws, and what is not known of the person within
        a draw, z'P^-1 z with z = (q_i, 1), averaged over some of them (law of total variance).

        Memory: 4 x users x items x (size + 4) bytes.

        Args:
            read: as `read` returns it.
            roots: likewise.
        """
        n_draws = len(self.items)
        total, squares = read.new_zeros(()), read.new_zeros(())
        for latent, table in zip(self._by_draw(read * n_draws), self.items, strict=True):
            t = latent[:, :-1] @ table.T + latent[:, -1:]
            total, squares = total + t, squares + t.square()
        variance = (squares - total.square() / n_draws).clamp(min=0.0) / max(1, n_draws - 1)
        every = max(1, n_draws // WITHIN)
        for place, table in enumerate(self.items[::every]):
            z = torch.cat([table[:, :-1], torch.ones_like(table[:, -1:])], 1)
            variance += (roots[:, place] @ z.T).square().sum(1) / roots.shape[1]
        return variance.sqrt()

    def shift(self, logits: Tensor, expected: Tensor) -> Tensor:
        """The trained half's logits (... x levels), what is expected (...) taken into account."""
        return shift_mean(logits, self.ratings.to(logits), expected, self.mean_precision.to(logits))

    def _by_draw(self, read: Tensor) -> tuple[Tensor, ...]:
        return read.split(self.items.shape[2] + 1, 1)


def normal_equations(
    pattern: Pattern, factors: Tensor, t: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor]:
    """Sums over each row's entries of w z z' and w z (t - c): rows x size x size, rows x size.

    (q, c) being the row of `factors` of an entry's column, z = (q, 1): what the row's own
    factors and offset are multiplied by. Rows of like length are padded to one length and
    multiplied together: a fifth of the time of summing outer products (ml-1m, one core).
    """
    n_rows, size = pattern.shape[0], factors.shape[1]
    gram, right = factors.new_zeros(n_rows, size, size), factors.new_zeros(n_rows, size)
    lengths = pattern.row_starts.diff()
    order = torch.argsort(lengths, stable=True)
    by_length = lengths[order].tolist()
    last = n_rows
    while last > 0 and (width := by_length[last - 1]):
        first = max(0, last - max(1, CELLS // width))
        rows, last = order[first:last], first
        place = torch.arange(width, device=order.device)
        real = place < lengths[rows][:, None]
        entries = torch.where(real, pattern.row_starts[rows][:, None] + place, 0)
        z = factors[pattern.columns[entries]]  # rows x width x size
        weight = weights[entries] * real
        excess = (t[entries] - z[:, :, -1]) * weight
        z[:, :, -1] = 1.0
        gram[rows] = (z * weight[:, :, None]).transpose(1, 2) @ z
        right[rows] = (excess[:, None] @ z)[:, 0]
    return gram, right


def solve(
    gram: Tensor, right: Tensor, prior: Tensor, precision: Tensor, noise: Tensor
) -> tuple[Tensor, Tensor]:
    """The posterior of each row's factors: its mean (rows x size), Cholesky factors of precision.

    Normal prior of mean `prior` (rows x size) and one `precision`; observations of 1 / variance
    `noise`, one a row or one for all.
    """
    root = torch.linalg.cholesky(gram * noise.reshape(-1, 1, 1) + precision)
    right = right * noise.reshape(-1, 1) + prior @ precision
    mean = torch.cholesky_solve(right[:, :, None], root)
    return mean[:, :, 0], root
