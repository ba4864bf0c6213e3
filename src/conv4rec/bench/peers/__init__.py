"""Real rivals: other libraries' recommenders, each behind one small adapter."""

from __future__ import annotations

from conv4rec.bench.peers.contract import Choice, Range, Rival, Space

__all__ = ["PEERS", "Choice", "Range", "Rival", "Space"]

PEERS: dict[str, Rival] = {}
"""The rivals by name; none of their libraries is imported before its adapter is fitted."""
