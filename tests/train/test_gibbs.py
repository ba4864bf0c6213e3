"""The Gibbs sampler recovers the factors of simulated ratings."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from scipy import sparse

from conv4rec.data import Interactions
from conv4rec.model import normal_equations
from conv4rec.model.bayesian_mf import BayesianMF
from conv4rec.recommender import Conv4Rec, evaluate_model
from conv4rec.train import factor_draws, latent_values, mixture_weight
from conv4rec.train import gibbs as sampler
from conv4rec.train.batches import Batches
from conv4rec.train.factor_draws import wishart
from conv4rec.train.gibbs import sample_bayesian_mf
from conv4rec.train.mixture_weight import DEFAULT_SHARE, best_share, choose_share
from conv4rec.train.settings import TrainSettings
from conv4rec.train.spectral import normalised, pattern_features

SETTINGS = TrainSettings(mf_factors=10, mf_features=4, mf_sweeps=40, mf_draws=10)


def ratings(seed: int = 0, n_users: int = 120, n_items: int = 60, share: float = 0.4):
    """Two factors and offsets, cut into five levels; a part of the table is rated."""
    rng = np.random.default_rng(seed)
    p, q = rng.standard_normal((n_users, 2)), rng.standard_normal((n_items, 2))
    taste = p @ q.T + 0.5 * rng.standard_normal((n_users, 1)) + 0.5 * rng.standard_normal(n_items)
    levels = 1 + np.digitize(taste, [-1.5, -0.5, 0.5, 1.5])
    rated = rng.random(taste.shape) < share
    return levels, rated


def log_of(levels: np.ndarray, rated: np.ndarray) -> Interactions:
    users, items = np.nonzero(rated)
    frame = {"user_id": users, "item_id": items, "rating": levels[users, items].astype(float)}
    return Interactions.from_frame(pl.DataFrame(frame))


def expectations(model: BayesianMF, log: Interactions) -> np.ndarray:
    history = Batches.from_interactions(log).whole
    encoded = model.encode(history)
    return model.score_all(encoded).numpy()


def test_unseen_ratings_are_predicted():
    levels, rated = ratings()
    log = log_of(levels, rated)
    model = sample_bayesian_mf(log, SETTINGS, 0)
    assert model is not None
    found = expectations(model, log)[~rated]
    assert np.corrcoef(found, levels[~rated])[0, 1] > 0.9


def test_the_same_seed_gives_the_same_draws_and_another_others():
    log = log_of(*ratings())
    first, again, other = (sample_bayesian_mf(log, SETTINGS, seed) for seed in (0, 0, 1))
    assert torch.equal(first.items, again.items)
    assert not torch.equal(first.items, other.items)


def test_fewer_than_100_ratings_are_not_sampled():
    log = log_of(*ratings(n_users=10, n_items=5))
    assert log.n_rated < 100
    assert sample_bayesian_mf(log, SETTINGS, 0) is None


def test_a_chain_can_be_stopped():
    def stop(sweep: int) -> None:
        if sweep == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample_bayesian_mf(log_of(*ratings()), SETTINGS, 0, stop)


def test_wishart_draws_have_the_mean_and_variance_of_the_distribution():
    rng, scale = np.random.default_rng(0), np.array([[2.0, 0.5], [0.5, 1.0]])
    draws = np.array([wishart(scale, 9, rng) for _ in range(4000)])
    np.testing.assert_allclose(draws.mean(0), 9 * scale, rtol=0.05)
    # Var(W_ij) = nu (s_ij^2 + s_ii s_jj)
    variance = 9 * (scale**2 + np.outer(np.diag(scale), np.diag(scale)))
    np.testing.assert_allclose(draws.var(0), variance, rtol=0.1)


def test_the_share_depends_on_which_component_predicts_better(monkeypatch):
    levels, rated = ratings()
    log = log_of(levels, rated)
    masked = np.random.default_rng(1).random(len(log)) < 0.2
    model = sample_bayesian_mf(log.select(~masked), SETTINGS, 0)
    history = Batches.from_interactions(log).whole
    validation = replace(history, observed=torch.from_numpy(~masked).float())
    vague = torch.zeros(int(masked.sum()), 5)
    whole = choose_share(model, vague, validation)
    assert whole > 0.9
    monkeypatch.setattr(mixture_weight, "ENTRIES", 100)
    assert choose_share(model, vague, validation) == pytest.approx(whole, abs=1e-3)
    pattern, at = validation.pattern, torch.from_numpy(np.flatnonzero(masked))
    encoded = model.encode(validation)
    model.share.fill_(1.0)
    good = model.mixed(vague, encoded, pattern.rows[at], pattern.columns[at])
    model.items.copy_(torch.randn(model.items.shape, generator=torch.Generator().manual_seed(2)))
    assert choose_share(model, good, validation) < 0.1


@pytest.mark.parametrize("truth", [0.0, 0.35, 0.9, 1.0])
def test_the_share_of_a_simulated_mixture_is_recovered(truth):
    rng = torch.Generator().manual_seed(0)
    components = torch.randn(2, 60_000, 5, generator=rng).double().mul(2).softmax(2)
    probabilities = (1 - truth) * components[0] + truth * components[1]
    levels = torch.multinomial(probabilities, 1, generator=rng)
    neural, bayesian_mf = (component.gather(1, levels)[:, 0] for component in components)
    assert best_share(neural, bayesian_mf) == pytest.approx(truth, abs=0.02)


def test_a_few_ratings_do_not_move_the_share_from_the_default():
    """The preference of 30 masked ratings is noise; that of 1,000 is not."""
    levels, rated = ratings()
    log = log_of(levels, rated)
    model = sample_bayesian_mf(log, SETTINGS, 0)
    history = Batches.from_interactions(log).whole
    model.share.fill_(1.0)
    found = []
    for n_masked, sharper in ((30, 1.0), (1000, 2.0)):
        observed = torch.ones(len(log))
        observed[torch.from_numpy(np.random.default_rng(2).permutation(len(log))[:n_masked])] = 0.0
        at = torch.nonzero(observed == 0).squeeze(1)
        encoded = model.encode(replace(history, observed=observed))
        rows, columns = history.pattern.rows[at], history.pattern.columns[at]
        as_good = model.mixed(torch.zeros(n_masked, 5), encoded, rows, columns)
        noise = torch.randn(n_masked, 5, generator=torch.Generator().manual_seed(3))
        neural = sharper * as_good + 0.05 * noise
        if sharper > 1:  # this component predicts better
            neural += 3.0 * torch.nn.functional.one_hot(history.types[at], 5)
        found.append(choose_share(model, neural, replace(history, observed=observed)))
        model.share.fill_(1.0)
    assert found[0] == DEFAULT_SHARE
    assert found[1] < 0.3


def test_the_mixture_predicts_ratings_from_factors_better_than_the_network():
    levels, rated = ratings(share=0.25)
    log = log_of(levels, rated)
    from conv4rec.data import random_split
    from conv4rec.data.splits import Split

    train, test = random_split(log, 0.2, 0)
    split = Split("synthetic", train, given=train, test=test)
    mixture, network_alone = (
        evaluate_model(Conv4Rec(seed=0, n_steps=30, mf_draws=draws).fit(train), split).metrics[
            "nll"
        ]
        for draws in (20, 0)
    )
    assert mixture < network_alone - 0.02


def test_contributions_add_up_to_p_like_of_the_mixture():
    levels, rated = ratings(share=0.25)
    model = Conv4Rec(seed=0, n_steps=20).fit(log_of(levels, rated))
    assert model.fitted_.model.bayesian_mf is not None
    for user, item in ((0, 3), (7, 20)):
        (contribution,) = model.predict(pl.DataFrame({"user_id": [user], "item_id": [item]}))[
            "p_like"
        ]
        parts = model.explain(user, item, by="like")["contribution"].sum()
        assert parts == pytest.approx(np.log(contribution / (1 - contribution)), abs=1e-3)


def test_intervals_do_not_encode_entries(monkeypatch):
    """Encoding entries is what costs most, and intervals do not need it."""
    levels, rated = ratings(share=0.25)
    model = Conv4Rec(seed=0, n_steps=20).fit(log_of(levels, rated))
    monkeypatch.setattr(
        BayesianMF, "encode_entries", lambda *_: pytest.fail("entries were encoded")
    )
    pair = pl.DataFrame({"user_id": [0], "item_id": [3]})
    (width,) = model.predict(pair, intervals=True).select(
        pl.col("p_like_high") - pl.col("p_like_low")
    )
    assert 0 < width[0] < 1


def test_users_who_rate_at_random_have_a_high_noise_variance():
    levels, rated = ratings(share=0.5)
    rng = np.random.default_rng(3)
    erratic = np.arange(len(levels)) % 4 == 0
    levels[erratic] = rng.integers(1, 6, levels[erratic].shape)
    log = log_of(levels, rated)
    model = sample_bayesian_mf(log, SETTINGS, 0)
    history = Batches.from_interactions(log).whole
    noise = model.response_style(model.encode(history))[:, 0]
    assert noise[erratic].min() > 2 * noise[~erratic].median()
    spread = model.nu.mean()
    even = sample_bayesian_mf(log_of(*ratings(share=0.5)), SETTINGS, 0)
    assert even.nu.mean() > 2 * spread  # without such users, all are alike


def test_users_who_rate_at_random_do_not_harm_the_predictions_for_others(monkeypatch):
    levels, rated = ratings(share=0.3)
    truth = levels.copy()
    erratic = np.arange(len(levels)) % 2 == 0
    levels[erratic] = np.random.default_rng(3).integers(1, 6, levels[erratic].shape)
    log = log_of(levels, rated)

    def error() -> float:
        found = expectations(sample_bayesian_mf(log, SETTINGS, 0), log)
        masked = ~rated & ~erratic[:, None]
        return 1 - np.corrcoef(found[masked], truth[masked])[0, 1]

    weighted = error()
    ones = torch.ones(log.n_users)
    monkeypatch.setattr(sampler, "draw_user_precision", lambda *_: (ones, sampler.NU_GRID[-1]))
    monkeypatch.setattr(sampler.Latent, "draw_user_precision", lambda *_: None)
    assert weighted < 0.8 * error()


def test_user_noise_precision_is_drawn_from_a_gamma_given_the_errors():
    """Mean (nu + n) / (nu + squares); the spread of a gamma of shape (nu + n) / 2."""
    log = log_of(np.full((4000, 9), 3), np.ones((4000, 9), dtype=bool))
    rng = np.random.default_rng(0)
    users, *_ = sampler.start_sides(log, SETTINGS.mf_factors, SETTINGS, 0, rng)
    user_precision, nu = factor_draws.draw_user_precision(
        users, torch.full((4000,), 18.0), 4.0, rng
    )
    assert user_precision.mean() == pytest.approx(13 / 22, rel=0.03)
    assert user_precision.var() == pytest.approx(13 / 2 * (2 / 22) ** 2, rel=0.1)
    # These are like gammas of mean 0.6 with 13 degrees of freedom, so no nu fits well; one below
    # 13 makes up for the mean.
    assert 4 <= nu <= 13


def test_blocks_change_nothing_but_rounding_and_a_chain_holds_few_bytes_a_rating(monkeypatch):
    """22 bytes: two numbers, a place, a latent value, its mean (4 each) and a level (2)."""
    log, chains = log_of(*ratings()), []
    for blocks in (10**6, 50):
        monkeypatch.setattr(latent_values, "BLOCK", blocks)
        monkeypatch.setattr(sampler, "PREDICTED", blocks)
        monkeypatch.setattr(normal_equations, "CELLS", blocks)
        rng = np.random.default_rng(0)
        users, items, _ = sampler.start_sides(log, 4, SETTINGS, 0, rng)
        levels = torch.from_numpy(log.level_numbers)
        latent = sampler.Latent(users.pattern, levels, torch.linspace(-2, 2, 5))
        chain = sampler.Chain(users, items, latent, latent.levels.float() - 2)
        for _ in range(sampler.FIRST_SWEEPS + 4):
            chain.sweep(adapt=True, rng=rng)
        chains.append(chain)
    whole, small = chains
    torch.testing.assert_close(whole.items.factors, small.items.factors, rtol=1e-2, atol=1e-3)
    torch.testing.assert_close(whole.values, small.values, rtol=1e-2, atol=1e-3)
    patterns = [vars(part.pattern) for part in (users, items)]
    held = [chain.values, chain.mean, latent.levels, items.order]
    held += [part for pattern in patterns for name, part in pattern.items() if name != "row_starts"]
    assert sum(part.nbytes for part in held if torch.is_tensor(part)) == 22 * len(log)


def test_all_draws_are_filled_even_with_fewer_sweeps():
    model = sample_bayesian_mf(log_of(*ratings()), SETTINGS.with_changes(mf_sweeps=1), 0)
    assert (model.noise > 0).all()
    assert torch.equal(model.items[0], model.items[4])  # five of ten come from the first chain


def test_chains_on_a_part_of_the_log_give_a_warm_start():
    levels, rated = ratings()
    part = rated & (np.arange(len(levels)) % 4 > 0)[:, None]  # of three users in four
    log, last_draws = log_of(levels, rated), {}
    sample_bayesian_mf(log_of(levels, part), SETTINGS, 0, last_draws=last_draws)
    assert list(last_draws) == list(sampler.widths(log.n_rated, SETTINGS))
    short, before = SETTINGS.with_changes(mf_sweeps=1), dict(last_draws)
    known = [sample_bayesian_mf(log, short, 1, last_draws=found) for found in ({}, last_draws)]
    cold, warm = (
        np.corrcoef(expectations(model, log)[~rated], levels[~rated])[0, 1] for model in known
    )
    assert warm > 0.9 > cold
    assert all(last_draws[width] is not before[width] for width in before)


@pytest.mark.parametrize("n_users", [1, 2, 5])
def test_chains_of_fewer_users_than_factors_have_a_warm_start_too(n_users):
    levels = np.random.default_rng(0).integers(1, 6, (n_users, 150))
    log, last_draws = log_of(levels, np.ones(levels.shape, dtype=bool)), {}
    for _ in range(2):
        model = sample_bayesian_mf(log, SETTINGS, 0, last_draws=last_draws)
        assert model is not None
        assert model.items.isfinite().all()
    for found in last_draws.values():
        torch.linalg.cholesky(found.users[1])


def test_a_small_log_has_chains_of_several_widths_and_a_large_log_one():
    found = [sampler.widths(n, TrainSettings()) for n in (6_000, 30_000, 60_000)]
    assert found == [(8, 4), (20, 8, 4), (20,)]
    model = sample_bayesian_mf(log_of(*ratings()), SETTINGS, 0)
    used = (model.items[:, :, :-1] != 0).any(1).sum(1)
    assert sorted(set(used.tolist())) == [2, 4]


def test_factors_that_a_narrow_draw_lacks_change_no_prediction():
    log = log_of(*ratings())
    sampled = sample_bayesian_mf(log, SETTINGS, 0)
    history = Batches.from_interactions(log).whole
    n_features, own = sampled.features.shape[1], torch.tensor([0, 1, 10])
    assert (sampled.items[-1, :, 2:10] == 0).all()  # the last draw has two factors
    answers = []
    for size, kept in ((11, slice(None)), (3, own)):
        model = BayesianMF(log.n_items, 5, 1, size, n_features)
        for name, table in sampled.named_parameters():
            values = table[-1:] if len(table) == SETTINGS.mf_draws else table
            if name in ("items", "prior", "precision", "reference_items"):
                values = values[..., kept]
            if name == "precision":
                values = values[:, kept]
            getattr(model, name).copy_(values)
        answers.append(vars(model.latent_all(model.encode(history))))
    for wide, narrow in zip(*(answer.values() for answer in answers), strict=True):
        torch.testing.assert_close(wide, narrow, rtol=1e-3, atol=1e-3)


def test_the_ridge_of_the_features_is_learned():
    """Factors that follow the features keep B free; those that do not hold it near 0."""
    rng = np.random.default_rng(0)
    features = np.column_stack([np.ones(300), rng.standard_normal((300, 20))])
    noise = rng.standard_normal((300, 5))
    ridges = []
    for slope in (1.0, 0.0):
        factors = slope * features[:, 1:] @ rng.standard_normal((20, 5)) + noise
        empty = torch.zeros(0)
        side = factor_draws.Side(
            None, empty, torch.from_numpy(features), features.T @ features,
            torch.from_numpy(factors),
            empty, empty, None, empty,
        )  # fmt: skip
        for _ in range(20):
            factor_draws.draw_prior(side, rng)
        ridges.append(side.ridge)
    assert ridges[0] == pytest.approx(1.0, rel=0.5)
    assert ridges[1] > 30


@pytest.mark.parametrize("n_entries", [1, 3])
def test_rows_with_few_ratings_are_drawn_from_the_posterior_of_the_normal_equations(n_entries):
    """30,000 rows with the same ratings, at two noises: the mean and covariance of their draws."""
    rng, n, size = np.random.default_rng(0), 30_000, 6
    columns = np.tile(rng.choice(5, n_entries, replace=False), n)
    matrix = sparse.csr_array(
        (np.arange(n * n_entries), columns, np.arange(n + 1) * n_entries), shape=(n, 5)
    )
    side = factor_draws.Side.start(matrix, np.zeros((n, 1)), size, rng)
    assert n_entries <= factor_draws.few_entries(size)
    root = rng.standard_normal((size, size)) / 2
    side.precision = torch.from_numpy(root @ root.T + np.eye(size)).float()
    other = torch.from_numpy(rng.standard_normal((5, size))).float()
    y, weight = rng.standard_normal(n_entries), rng.random(n_entries) + 0.5
    y, weight = (torch.from_numpy(np.tile(x, n)).float() for x in (y, weight))
    noise = torch.tensor([0.5, 4.0]).repeat_interleave(n // 2)
    mean, covariance = torch.linspace(-1, 1, size), np.linalg.inv(side.precision.numpy())
    own = torch.from_numpy(rng.multivariate_normal(mean.numpy(), covariance, n)).float()
    errors = torch.from_numpy(rng.standard_normal(n * n_entries)).float()
    values = y + other[side.pattern.columns.long(), -1]
    precision = weight * noise.repeat_interleave(n_entries)
    observed = normal_equations.observations(side.pattern, other, values, entry_precision=precision)
    factor_draws.observe_few(own, side, observed, errors)
    z = normal_equations.with_constant(other)[columns[:n_entries]]
    for rows, precision in ((slice(0, n // 2), 0.5), (slice(n // 2, n), 4.0)):
        own_weights = weight[:n_entries, None] * precision
        inverse = ((z * own_weights).T @ z + side.precision).inverse()
        expected = inverse @ (z.T @ (own_weights[:, 0] * y[:n_entries]) + side.precision @ mean)
        torch.testing.assert_close(own[rows].mean(0), expected, rtol=0, atol=0.04)
        torch.testing.assert_close(own[rows].T.cov(), inverse, rtol=0, atol=0.05)


def test_features_of_noisy_directions_have_little_variance():
    log = log_of(*ratings())
    matrix, _ = normalised(log)
    singular = np.linalg.svd(matrix.toarray())[1]
    of_users, of_items, _ = pattern_features(log, 4, 0)
    wanted = (singular[:4] / singular[0]) ** 2
    np.testing.assert_allclose(of_users.std(0), wanted, rtol=1e-2)
    np.testing.assert_allclose(of_items.std(0), wanted, rtol=1e-2)


def test_unrated_interactions_predict_ratings():
    """Two groups that differ in their unrated items; one likes what the other dislikes."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(80):
        group = user % 2
        for item in rng.choice(20, 10, replace=False):
            rows.append((user, 20 * group + int(item), None))
        for item in rng.choice(20, 8, replace=False):
            rows.append((user, 40 + int(item), float(rng.choice([4, 5] if group else [1, 2]))))
    log = Interactions.from_frame(
        pl.DataFrame(rows, schema=["user_id", "item_id", "rating"], orient="row")
    )
    model = sample_bayesian_mf(log, SETTINGS, 0)
    new = [(group, 20 * group + item, None) for group in (0, 1) for item in range(10)]
    schema = {"user_id": pl.Int64, "item_id": pl.Int64, "rating": pl.Float64}
    histories = Interactions.from_frame(
        pl.DataFrame(new, schema=schema, orient="row"), items=log.items, levels=log.levels
    )
    dislikes, likes = expectations(model, histories)[:, 40:].mean(1)
    assert likes - dislikes > 1.0
