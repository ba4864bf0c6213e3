"""Fits the components beside the network: ridge, SLIM and Bayesian matrix factorisation."""

from __future__ import annotations

import torch

from conv4rec.data import Interactions
from conv4rec.model.bayesian_mf import BayesianMF
from conv4rec.model.slim import SLIM
from conv4rec.train.assembly import Components
from conv4rec.train.ensemble import choose_ensemble_weights
from conv4rec.train.gibbs import sample_bayesian_mf
from conv4rec.train.ridge import Ridge
from conv4rec.train.session import Session
from conv4rec.train.slim import fit_slim

SHARE = 0.7
"""Of the Bayesian matrix factorisation in the mixture of level probabilities. Chosen on validation
ratings it was 0.5 to 0.8, and no better on test ratings (docs/ablation.md)."""


def fit_components(session: Session) -> Components:
    """The components, with the ensemble weights that predict the validation part best.

    A shared encoder has none: it stands for the model of the paper, which is one network.
    """
    if session.shared_encoder:
        return Components()
    bayesian_mf, best = _bayesian_mf(session), session.state.best
    if best is None:  # no validation fit: no ensemble weights to choose by
        return Components(bayesian_mf=bayesian_mf)
    part, whole = session.observed(), session.interactions
    ridge, slim = _ridge(session, part), _slim(session, part)
    weights = choose_ensemble_weights(best, ridge, slim, session.validation_history())
    ridge = _ridge(session, whole) if weights.ridge else None
    slim = _slim(session, whole) if weights.slim else None
    if slim is not None:
        slim.scale.copy_(torch.tensor([weights.slim, weights.floor]))
    return Components(weights, ridge, slim, bayesian_mf)


def _ridge(session: Session, interactions: Interactions) -> Ridge | None:
    rank = session.settings.ridge_rank
    return Ridge.of(interactions, rank, session.seed) if rank else None


def _slim(session: Session, interactions: Interactions) -> SLIM | None:
    size = session.settings.slim_neighbours
    return fit_slim(interactions, size) if size else None


def _bayesian_mf(session: Session) -> BayesianMF | None:
    settings = session.settings
    if not settings.mf_draws:
        return None
    sampled = sample_bayesian_mf(session.interactions, settings, session.seed, session.on_sweep)
    if sampled is not None:
        sampled.share.fill_(SHARE)
    return sampled
