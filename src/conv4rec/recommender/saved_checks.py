"""A model folder may come from a stranger: all of it is checked before any of it is used.

Checksums say that a file is the one that was saved, not who saved it. So each array must have the
name, type and shape that the configuration calls for, numbers that point somewhere must point
inside, and values must be such as training could have left.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pydantic
import torch
from torch import nn

from conv4rec.data import Interactions
from conv4rec.data.duplicates import POLICIES
from conv4rec.data.load_report import LoadReport
from conv4rec.model import NetworkConfig, ServedConfig
from conv4rec.recommender.configuration import Options, configuration
from conv4rec.recommender.list_scores import UNCERTAIN_LISTS
from conv4rec.train.ensemble_scores import EnsembleWeights
from conv4rec.train.schedule import Schedule
from conv4rec.train.selection import ValidationResult

LIKED = "item_side.liked"
POSTERIORS = "known_users.posteriors"
LARGEST = 1e6  # of any weight; trained ones are below 100
LARGEST_LOG = 30.0  # of a logarithm
WORST_CONDITION = 1e6  # of a precision matrix: float32 solves with no worse one
LEAST_PRECISION = 1e-6  # of factors whose ratings have variance 1
TYPES: dict[str, Any] = {
    "components": ServedConfig,
    "ensemble_weights": EnsembleWeights,
    "schedule": Schedule,
    "validation_results": list[ValidationResult],
    "n_parameters": int,
}
LOG_TYPES = {"starts": np.int64, "item_numbers": np.int32, "level_numbers": np.int16}
NOT_NEGATIVE = ("slim.weights", "slim.popularity", "slim.scale", "item_side.type_counts")
POSITIVE = ("bayesian_mf.noise", "bayesian_mf.nu", "bayesian_mf.uncertainty_ratio")
PRECISIONS = ("bayesian_mf.precision", "bayesian_mf.response_style_precision")


def check_options(options: Any) -> None:
    """Raise unless the arguments of `Conv4Rec` keep their own rules.

    Raises:
        ValueError: There are others than those of a model.
        SettingError: A setting breaks its rule.
    """
    if options.keys() != {"preset", "seed", "like_threshold", "settings"}:
        raise ValueError("its options are not those of a model")
    configuration(options["preset"], options["settings"])
    Options(**{name: value for name, value in options.items() if name != "settings"})


def check_facts(facts: Mapping[str, Any]) -> None:
    """Raise unless every fact has its type.

    Raises:
        ValueError: Says which is wrong.
        SettingError: A size breaks its rule.
        KeyError: One is missing.
    """
    for name in ("network", "trained"):
        NetworkConfig(**facts[name])
    for name in TYPES:
        _check_type(name, facts[name])
    if min(facts["components"].values()) < 0 or facts["n_parameters"] < 0:
        raise ValueError("a size in it is negative")
    report = facts["report"]
    notes = report.get("notes", [])
    counts = [value for name, value in report.items() if name not in ("duplicates", "notes")]
    known = set(LoadReport.__dataclass_fields__) - {"levels", "notes"}
    if report.keys() - {"notes"} != known or not (
        isinstance(notes, list)
        and all(isinstance(note, str) for note in notes)
        and all(type(count) is int and count >= 0 for count in counts)
        and report["duplicates"] in POLICIES
    ):
        raise ValueError("its report is not that of a log")
    if not np.isfinite(np.asarray(facts["levels"]["edges"] or [], dtype=float)).all():
        raise ValueError("the edges of its levels are not finite")


@cache
def _adapter(name: str) -> pydantic.TypeAdapter[Any]:
    return pydantic.TypeAdapter(TYPES[name])


def _check_type(name: str, value: Any) -> None:
    try:  # as JSON, where a list may be a tuple
        _adapter(name).validate_json(json.dumps(value), strict=True)
    except pydantic.ValidationError as error:
        raise ValueError(f"its {name} cannot be used: {error.errors()[0]['msg']}") from None


def check_ids(arrays: Mapping[str, np.ndarray]) -> None:
    """Raise unless ids of users and items are integers, or UTF-8 text and the end of each.

    Raises:
        ValueError: They are not.
    """
    names = set()
    for kind in ("users", "items"):
        if f"{kind}.int" in arrays:
            names.add(f"{kind}.int")
            right = arrays[f"{kind}.int"].dtype in (np.int64, np.uint64)
        else:
            names |= {f"{kind}.utf8", f"{kind}.ends"}
            text, ends = arrays[f"{kind}.utf8"], arrays[f"{kind}.ends"]
            bounds = np.concatenate([[0], ends.reshape(-1), [text.size]])
            inside = (np.diff(bounds) >= 0).all() and bounds[-2] == text.size
            right = inside and (text.dtype, ends.dtype) == (np.uint8, np.int64)
        if not right:
            raise ValueError(f"the ids of its {kind} cannot be read")
    if names != arrays.keys() or any(array.ndim != 1 for array in arrays.values()):
        raise ValueError("its ids are not the arrays of ids")


def check_log(log: Interactions, arrays: Mapping[str, np.ndarray], like: float | None) -> None:
    """Raise unless the histories are users x items x levels of the ids and the scale saved.

    Raises:
        ValueError: They are not.
        SettingError: The threshold of liking is above the scale.
    """
    types = LOG_TYPES | ({"timestamps": np.int64} if "timestamps" in arrays else {})
    if {name: array.dtype for name, array in arrays.items()} != types:
        raise ValueError("its histories are not the arrays of a log")
    starts, items, levels = log.starts, log.item_numbers, log.level_numbers
    inside = (
        starts.shape == (log.n_users + 1,)
        and all(array.shape == (starts[-1],) for name, array in arrays.items() if name != "starts")
        and (starts[0] == 0 and (np.diff(starts) >= 0).all())
        and ((items >= 0) & (items < log.n_items)).all()
        and ((levels >= -1) & (levels < log.n_levels)).all()
    )
    if not inside:
        raise ValueError("its parts are of different models")
    new_user = np.zeros(len(items), dtype=bool)
    new_user[starts[:-1][starts[:-1] < len(items)]] = True
    if not ((np.diff(items) > 0) | new_user[1:]).all():
        raise ValueError("its histories have an item twice, or are not in order")
    log.levels.like_level(like)


def check_weights(log: Interactions, weights: Mapping[str, np.ndarray], facts: Any) -> None:
    """Raise unless the sizes agree with the configuration, and the values could be trained ones.

    Raises:
        ValueError: Says what is wrong.
        KeyError: An array is missing.
    """
    network, served = facts["network"], facts["components"]
    n, k, c = log.n_items, log.n_levels, network["n_rating_channels"]
    sizes = tuple(network[name] for name in ("n_users", "n_items", "n_levels"))
    width = network["rate_size"] if not network["shared_encoder"] else network["consume_size"]
    neighbours, draws = served["n_slim_neighbours"], served["n_mf_draws"]
    stacked = served.get("stacking_size", 0)  # models of earlier versions have none
    expected = {
        "item_side.type_counts": (n, k + 1),
        "item_side.column": (n, width) if network["two_sided"] else (0,),
        "network.kernel_in": (k + 1, 1 + c),
        "network.consume_in": (1 + network["consume_channels"], n, network["consume_size"]),
        "network.rate_out": (c, n, width),
        **({"slim.weights": (n, neighbours)} if neighbours else {}),
        **({"stacking.first": (stacked, 4)} if stacked else {}),
        **({"bayesian_mf.items": (draws, n, served["mf_width"])} if draws else {}),
        **({"bayesian_mf.features": (n, served["n_mf_features"])} if draws else {}),
    }
    if LIKED in weights:  # in place of the column; models of earlier versions have the column
        expected |= {LIKED: (n, width), "item_side.column": (0,)}
    if POSTERIORS in weights:  # models of earlier versions, and of many users, have none
        expected |= {POSTERIORS: (log.n_users, draws * served["mf_width"] + 3 + k)}
    if sizes != (log.n_users, n, k) or any(weights[a].shape != s for a, s in expected.items()):
        raise ValueError("its parts are of different models")
    if not network["n_rating_channels"] >= network["consume_channels"] >= 0:
        raise ValueError("its consume side reads channels that it has not")
    for name, array in weights.items():
        if array.dtype != (np.int32 if name == "slim.items" else np.float32):
            raise ValueError(f"its {name!r} holds {array.dtype}")
        limit = max(LARGEST, log.n_users) if name != "network.shrinkage" else LARGEST_LOG
        check_range(name, array, 0.0 if name in NOT_NEGATIVE else -limit, limit)
    if neighbours:
        check_range("slim.items", weights["slim.items"], 0, n - 1)
        check_range("slim.scale", weights["slim.scale"][1:], 1e-6, LARGEST)  # of a logarithm
    if stacked:
        check_range("stacking.deviation", weights["stacking.deviation"], 1e-6, LARGEST)
        check_range("stacking.range", np.diff(weights["stacking.range"], axis=0), 0.0, LARGEST)
    if draws:
        _check_posterior(weights)
    if POSTERIORS in weights:
        if not draws:
            raise ValueError(f"its {POSTERIORS!r} are of no component")
        own = weights[POSTERIORS][:, draws * served["mf_width"] + 1 :]
        check_range(POSTERIORS, own[:, :2], 1e-9, LARGEST)  # variances
        check_range(POSTERIORS, own[:, 2:], -LARGEST_LOG, LARGEST_LOG)  # of level biases


def check_range(name: str, array: np.ndarray, low: float, high: float) -> None:
    """Raise on NaN, on infinities, and on what no training leaves."""
    if array.size and not (low <= array.min() <= array.max() <= high):
        least, most = float(array.min()), float(array.max())
        if not np.isfinite([least, most]).all():
            raise ValueError(f"it holds weights that are not finite, in {name!r}")
        raise ValueError(f"no training leaves weights from {least:g} to {most:g} in {name!r}")


def _check_posterior(weights: Mapping[str, np.ndarray]) -> None:
    """Raise unless the draws are parameters of distributions."""
    for name in POSITIVE:
        check_range(name, weights[name], 1e-6, LARGEST)
    check_range("bayesian_mf.share", weights["bayesian_mf.share"], 0.0, 1.0)
    if (np.diff(weights["bayesian_mf.thresholds"], axis=-1) < 0).any():
        raise ValueError("its thresholds are not in order")
    for name in PRECISIONS:
        matrix = weights[name].astype(np.float64)
        values = np.linalg.eigvalsh(matrix)
        if matrix.shape[-2] != matrix.shape[-1] or not (
            np.allclose(matrix, np.swapaxes(matrix, -1, -2), rtol=1e-3, atol=1e-3)
            and (values[..., 0] * WORST_CONDITION > values[..., -1]).all()
            and (values[..., 0] > LEAST_PRECISION).all()
        ):
            raise ValueError(f"its {name!r} is not a precision matrix")


def check_norms(arrays: Mapping[str, np.ndarray], n_items: int, n_levels: int) -> None:
    """Raise unless the norms of a like level are one float32 an item (`LEVEL.NAME`).

    Raises:
        ValueError: They are not.
    """
    names = ("others", "head", *UNCERTAIN_LISTS)
    levels = {name.split(".")[0] for name in arrays}
    known = {str(level) for level in range(n_levels)}
    wanted = {f"{level}.{name}" for level in levels for name in names}
    shapes = {(array.shape, array.dtype.name) for array in arrays.values()}
    if not levels <= known or wanted != set(arrays) or not shapes <= {((n_items,), "float32")}:
        raise ValueError("its norms are not one float32 an item")


def check_state(model: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Raise unless tensors are exactly the state of a model: names, shapes and types.

    Raises:
        ValueError: They are not: names the first that differs.
    """
    own = model.state_dict()
    for name in sorted(own.keys() | tensors.keys()):
        ours, given = own.get(name), tensors.get(name)
        if ours is None or given is None:
            raise ValueError(f"its weight {name!r} is {'missing' if given is None else 'foreign'}")
        if (ours.shape, ours.dtype) != (given.shape, given.dtype):
            raise ValueError(f"its weight {name!r} has another shape or type than its settings say")
