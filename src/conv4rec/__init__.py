"""One model for both questions of a ratings log: what will be consumed, and how it will be rated.

`import conv4rec` loads nothing heavy: each public name is loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conv4rec._version import __version__

if TYPE_CHECKING:
    from conv4rec.data import Interactions, Levels, Split, load_dataset, split_by_name, split_log
    from conv4rec.recommender import Conv4Rec, estimate_fit, evaluate_model

__all__ = [
    "Conv4Rec",
    "Interactions",
    "Levels",
    "Split",
    "__version__",
    "estimate_fit",
    "evaluate_model",
    "load_dataset",
    "split_by_name",
    "split_log",
]

_HOMES = {
    "Conv4Rec": "conv4rec.recommender",
    "Interactions": "conv4rec.data",
    "Levels": "conv4rec.data",
    "Split": "conv4rec.data",
    "estimate_fit": "conv4rec.recommender",
    "evaluate_model": "conv4rec.recommender",
    "load_dataset": "conv4rec.data",
    "split_by_name": "conv4rec.data",
    "split_log": "conv4rec.data",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'conv4rec' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
