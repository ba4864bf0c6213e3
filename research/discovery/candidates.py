"""The models that are compared on items exposed at random: all of the benchmark that rate."""

from __future__ import annotations

from conv4rec.benchmark.adapters import ADAPTERS
from conv4rec.benchmark.adapters.candidate import Candidate
from conv4rec.benchmark.candidates import OURS, OWN_CANDIDATES
from conv4rec.errors import SettingError
from research.discovery.matrix_factorisation import CANDIDATES


def rating_candidates() -> dict[str, Candidate]:
    """Every candidate that rates: our models, the adapters, and three matrix factorisations.

    >>> [name for name in rating_candidates() if name.startswith("mf")]
    ['mf', 'mf-ips', 'mf-dr']
    """
    own = {candidate.name: candidate for candidate in CANDIDATES}
    known = {**OWN_CANDIDATES, **ADAPTERS, **own}
    return {name: candidate for name, candidate in known.items() if "rate" in candidate.tasks}


def chosen(names: str) -> tuple[str, ...]:
    """The candidates of "all" (those that are installed) or of "a,b,c"; our model comes first.

    Raises:
        SettingError: There is no such candidate.
    """
    known = rating_candidates()
    if names == "all":
        return tuple(name for name, candidate in known.items() if candidate.is_installed())
    wanted = [name.strip() for name in names.split(",")]
    if unknown := [name for name in wanted if name not in known]:
        raise SettingError(f"--models: there is no {unknown[0]!r}; there are {', '.join(known)}")
    return tuple(dict.fromkeys([OURS, *wanted]))
