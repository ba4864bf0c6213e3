"""How far an effect may be from its estimate: normal posteriors whose prior the data give."""

from __future__ import annotations

import numpy as np

ROUNDS = 60  # of the EM for the prior


def posterior_covariances(information: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """Covariance of each effect given its data: effects x size x size.

    Args:
        information: effects x size x size; the Fisher information of each one's ratings.
        variances: size; of the prior, which is normal and has independent parts.
    """
    return np.linalg.inv(np.diag(1.0 / variances) + information)


def prior_variances(
    evidence: np.ndarray, information: np.ndarray, unknown: np.ndarray, about: np.ndarray
) -> np.ndarray:
    """Variances of the law that effects are drawn from, by EM (empirical Bayes): size.

    In each round an effect is its posterior mean under the prior so far, and the prior's
    variance is the mean of (effect - mean)^2 + posterior variance over the effects.

    Args:
        evidence: effects x size; sum over an effect's ratings of x I y, where x says how the
            effect enters the log-odds, I is the information of the rating and y what it says
            they are.
        information: effects x size x size; sum of I x x'.
        unknown: size; variances to start from, which count like one effect more: they decide
            only where there are no data.
        about: size; the mean to start from.
    """
    mean, variances = about, unknown
    for _ in range(ROUNDS):
        left = posterior_covariances(information, variances)
        effects = np.einsum("nde,ne->nd", left, evidence + mean / variances)
        mean = effects.mean(0)
        spread = ((effects - mean) ** 2).sum(0) + np.einsum("ndd->d", left)
        variances = np.maximum((spread + unknown) / (len(effects) + 1), 1e-9)
    return variances
