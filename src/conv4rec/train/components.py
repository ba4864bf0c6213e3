"""Fits the components beside the network: SLIM and Bayesian matrix factorisation."""

from __future__ import annotations

import torch

from conv4rec.data import Interactions
from conv4rec.model.bayesian_mf import BayesianMF
from conv4rec.model.slim import SLIM
from conv4rec.train.assembly import Components
from conv4rec.train.ensemble import EnsembleWeights, choose_ensemble_weights
from conv4rec.train.gibbs import sample_bayesian_mf
from conv4rec.train.mixture_weight import DEFAULT_SHARE, choose_share
from conv4rec.train.session import Session
from conv4rec.train.settings import TrainSettings
from conv4rec.train.slim import fit_slim


def fit_components(session: Session) -> Components:
    """The components, with the weights that predict the validation part best.

    A shared encoder has none: it stands for the model of the paper, which is one network.
    """
    if session.shared_encoder:
        return Components()
    weights, slim = _slim_component(session)
    return Components(weights, slim, _bayesian_mf(session))


def _slim_component(session: Session) -> tuple[EnsembleWeights, SLIM | None]:
    best = session.state.best.consume
    if best is None:  # no validation fit: no weights to choose by
        return EnsembleWeights(), None
    slim = _slim(session, session.observed())
    weights = choose_ensemble_weights(best, slim, session.validation_history())
    if not weights.slim:
        return weights, None
    slim = _slim(session, session.interactions)
    if slim is not None:
        slim.scale.copy_(torch.tensor([weights.slim, weights.floor]))
    return weights, slim


def _slim(session: Session, interactions: Interactions) -> SLIM | None:
    size = session.settings.slim_neighbours
    return fit_slim(interactions, size) if size else None


def _bayesian_mf(session: Session) -> BayesianMF | None:
    """The Bayesian matrix factorisation, with its share in the mixture.

    With share 0 it is kept all the same, for the uncertainty of P(like).
    """
    settings = session.settings
    if not settings.mf_draws:
        return None
    share, logits = DEFAULT_SHARE, session.state.best.rating_logits
    if logits is not None:
        shorter = settings.with_changes(
            mf_sweeps=-(-settings.mf_sweeps // 2)
        )  # enough for the share
        sampled = _sample(session, session.observed(), shorter)
        if sampled is not None:
            sampled = sampled.to(session.device)
            share = choose_share(sampled, logits, session.validation_history())
    sampled = _sample(session, session.interactions, settings)
    if sampled is not None:
        sampled.share.fill_(share)
    return sampled


def _sample(
    session: Session, interactions: Interactions, settings: TrainSettings
) -> BayesianMF | None:
    return sample_bayesian_mf(interactions, settings, session.seed, session.on_sweep)
