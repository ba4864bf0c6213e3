"""Generalisation bounds, certificates, recovery and ranks, in plain NumPy."""

from conv4rec.theory.certificates import Certificate, certify
from conv4rec.theory.completion import TraceNormBound, trace_norm_bound
from conv4rec.theory.counting import ParameterCountBound, parameter_count_bound
from conv4rec.theory.layers import Chain, Layer
from conv4rec.theory.loss import (
    LIPSCHITZ_EUCLIDEAN,
    LIPSCHITZ_MAX,
    loss_range,
    negative_log_likelihood,
)
from conv4rec.theory.means import betting, empirical_bernstein, hoeffding
from conv4rec.theory.network import NetworkNorms
from conv4rec.theory.norm_based import NormBound, norm_bound
from conv4rec.theory.norms import entropy_rank, stable_rank
from conv4rec.theory.pac_bayes import PacBayesBound, gaussian_kl, invert_kl, pac_bayes_bound
from conv4rec.theory.pinsker import TotalVariationBound, recovery_bound, total_variation_from_excess
from conv4rec.theory.ranks import (
    Spectrum,
    balanced_factors,
    factorisation_cost,
    spectrum,
    trace_norm_limit,
)
from conv4rec.theory.recovery import (
    Slope,
    log_log_slope,
    popularity_by_histogram,
    smoothed_frequencies,
    total_variation,
)

__all__ = [
    "LIPSCHITZ_EUCLIDEAN",
    "LIPSCHITZ_MAX",
    "Certificate",
    "Chain",
    "Layer",
    "NetworkNorms",
    "NormBound",
    "PacBayesBound",
    "ParameterCountBound",
    "Slope",
    "Spectrum",
    "TotalVariationBound",
    "TraceNormBound",
    "balanced_factors",
    "betting",
    "certify",
    "empirical_bernstein",
    "entropy_rank",
    "factorisation_cost",
    "gaussian_kl",
    "hoeffding",
    "invert_kl",
    "log_log_slope",
    "loss_range",
    "negative_log_likelihood",
    "norm_bound",
    "pac_bayes_bound",
    "parameter_count_bound",
    "popularity_by_histogram",
    "recovery_bound",
    "smoothed_frequencies",
    "spectrum",
    "stable_rank",
    "total_variation",
    "total_variation_from_excess",
    "trace_norm_bound",
    "trace_norm_limit",
]
