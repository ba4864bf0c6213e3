"""Adapters: other libraries' recommenders behind the interface of a baseline."""

from __future__ import annotations

from conv4rec.benchmark.adapters import cmfrec, cornac, elsa, implicit, irspack, myfm, surprise
from conv4rec.benchmark.adapters.candidate import Candidate, Choice, Range, Space

__all__ = ["ADAPTERS", "Candidate", "Choice", "Range", "Space"]

ADAPTERS: dict[str, Candidate] = {
    candidate.name: candidate
    for module in (implicit, irspack, elsa, cornac, surprise, myfm, cmfrec)
    for candidate in module.CANDIDATES
}
"""The candidates by name; a library is imported when its adapter is fitted, not before."""
