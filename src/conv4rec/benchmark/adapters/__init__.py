"""Real rivals: other libraries' recommenders, each behind one small adapter."""

from __future__ import annotations

from conv4rec.benchmark.adapters import cmfrec, cornac, elsa, implicit, irspack, myfm, surprise
from conv4rec.benchmark.adapters.candidate import Choice, Range, Rival, Space

__all__ = ["PEERS", "Choice", "Range", "Rival", "Space"]

PEERS: dict[str, Rival] = {
    rival.name: rival
    for module in (implicit, irspack, elsa, cornac, surprise, myfm, cmfrec)
    for rival in module.RIVALS
}
"""The rivals by name; none of their libraries is imported before its adapter is fitted."""
