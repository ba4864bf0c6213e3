"""Fits what stands beside the network: ridge, SLIM, stacking, Bayesian matrix factorisation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from conv4rec.data import Interactions
from conv4rec.model.bayesian_mf import BayesianMF
from conv4rec.model.slim import SLIM
from conv4rec.model.stacking import Stacking
from conv4rec.train.assembly import Components
from conv4rec.train.ensemble import choose_ensemble_weights, weights_in_doubt
from conv4rec.train.ensemble_scores import EnsembleScores, EnsembleWeights
from conv4rec.train.gibbs import LastDraw, sample_bayesian_mf
from conv4rec.train.mixture_weight import DEFAULT_SHARE, choose_share
from conv4rec.train.ridge import Ridge
from conv4rec.train.schedule import CONSUME, RATE
from conv4rec.train.session import Session
from conv4rec.train.settings import TrainSettings
from conv4rec.train.slim import fit_slim
from conv4rec.train.stacking import fit_stacking

DRAWS = 12  # that choose the share in the mixture
FEWEST_DRAWS = 4
NUMBERS = 128_000_000  # that a component may hold about items: fewer directions or draws of many


def fit_components(session: Session) -> Components:
    """The components, with the weights that predict the validation part best.

    A shared encoder has none: it stands for the model of the paper, which is one network.
    """
    if session.shared_encoder:
        return Components()
    return replace(_consume_components(session), bayesian_mf=_bayesian_mf(session))


def _consume_components(session: Session) -> Components:
    settings, best = session.settings, session.state.best.consume
    whole, stacking = session.interactions, None
    if best is not None:
        part = session.validation[CONSUME].observed()
        ridge, slim = _ridge(session, part), _slim(session, part)
        history = session.validation[CONSUME].history()
        doubt = weights_in_doubt(ridge is not None, slim is not None)
        scores = EnsembleScores(best, ridge, slim, history, doubt)
        weights = choose_ensemble_weights(scores)
        stacking = fit_stacking(scores, weights, settings, session.seed)
    elif settings.validation_fraction == 0:
        weights = weights_in_doubt(settings.ridge_rank > 0, settings.slim_neighbours > 0)
    else:  # too few interactions to choose by
        weights = EnsembleWeights()
    ridge = _ridge(session, whole) if weights.ridge else None
    slim = _slim(session, whole) if weights.slim else None
    if slim is not None:
        slim.scale.copy_(torch.tensor([weights.slim, weights.floor]))
    if stacking is not None:
        counts = torch.from_numpy(np.bincount(whole.item_numbers, minlength=whole.n_items))
        stacking.popularity.copy_(Stacking.popularity_of(counts.float()))
    return Components(weights, ridge, slim, stacking=stacking)


def _ridge(session: Session, interactions: Interactions) -> Ridge | None:
    rank = min(session.settings.ridge_rank, NUMBERS // max(1, interactions.n_items))
    return Ridge.of(interactions, rank, session.seed, session.device) if rank else None


def _slim(session: Session, interactions: Interactions) -> SLIM | None:
    size = session.settings.slim_neighbours
    return fit_slim(interactions, size, session.device) if size else None


def _bayesian_mf(session: Session) -> BayesianMF | None:
    """The Bayesian matrix factorisation, with its share in the mixture.

    With share 0 it is kept all the same, for the uncertainty of P(like).
    """
    settings, n_items = session.settings, max(1, session.interactions.n_items)
    if not settings.mf_draws:
        return None
    affordable = max(FEWEST_DRAWS, NUMBERS // (n_items * (settings.mf_factors + 1)))
    settings = settings.with_changes(mf_draws=min(settings.mf_draws, affordable))
    share, logits, last_draws = DEFAULT_SHARE, session.state.best.rating_logits, {}
    if logits is not None:
        # Enough for one number: a third of the sweeps, and a few draws.
        few = settings.with_changes(
            mf_sweeps=-(-settings.mf_sweeps // 3), mf_draws=min(DRAWS, settings.mf_draws)
        )
        data = session.validation[RATE]
        sampled = _sample(session, data.observed(), few, last_draws)
        if sampled is not None:
            share = choose_share(sampled, logits, data.history())
    sampled = _sample(session, session.interactions, settings, last_draws)
    if sampled is not None:
        sampled.share.fill_(share)
    return sampled


def _sample(
    session: Session, log: Interactions, settings: TrainSettings, last_draws: dict[int, LastDraw]
) -> BayesianMF | None:
    return sample_bayesian_mf(
        log, settings, session.seed, session.on_sweep, session.device, last_draws
    )
