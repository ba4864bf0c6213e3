"""What the bench knows about a candidate: how to make, tune and install it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from conv4rec.baselines.base import Baseline

TASKS = ("rank", "rate")
DISTRIBUTIONS = ("own", "gaussian", "none")


@dataclass(frozen=True)
class Range:
    """A setting that is tuned between two numbers, both of them allowed.

    Args:
        low: Smallest value.
        high: Largest value.
        log: Search its logarithm: for settings of unknown order of magnitude.
        whole: Only whole numbers.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Choice:
    """A setting that is tuned among a few values."""

    options: tuple[Any, ...]


Space = Mapping[str, Range | Choice]
"""What `--tune` searches, by the name of the setting."""


@dataclass(frozen=True)
class Candidate:
    """A model that the bench can run, ours or another library's.

    Args:
        name: Its name in `--models` and in tables.
        tasks: "rank", "rate" or both.
        make: `make(**settings)` is a scorer, not yet fitted.
        defaults: Its authors' recommended settings.
        space: What `--tune` searches; a part of the settings that `make` takes.
        package: The library's name for pip; None if it comes with conv4rec.
        module: The library's name for `import`.
        extra: The extra of conv4rec that installs it.
        source: Where the defaults come from.
        uses_unrated: Whether interactions without a rating help it.
        folds_in: Whether it serves histories unseen in training without training again.
        distribution: "own" level probabilities; "gaussian" if they are discretised Gaussians around
            its prediction, with a width fitted on validation; "none" if it does not rate.

    >>> Candidate("ours", ("rank",), make=dict, distribution="none").is_installed()
    True
    """

    name: str
    tasks: tuple[str, ...]
    make: Callable[..., Baseline]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    space: Space = field(default_factory=dict)
    package: str | None = None
    module: str | None = None
    extra: str | None = "peers"
    source: str = ""
    uses_unrated: bool = True
    folds_in: bool = False
    distribution: str = "own"

    def is_installed(self) -> bool:
        """Whether its library is installed; it is not imported."""
        return self.module is None or find_spec(self.module) is not None

    def how_to_install(self) -> str:
        """One sentence for a candidate that is skipped because its library is not installed."""
        return f"{self.name} needs {self.package}: pip install 'conv4rec[{self.extra}]'"
