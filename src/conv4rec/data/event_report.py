"""The report of loading a log with types: counts, and how each type is understood."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from conv4rec.data.event_types import EventTypes


@dataclass(frozen=True)
class EventReport:
    """The counts of one load. `print(report)` shows them."""

    n_rows: int
    n_users: int
    n_items: int
    n_pairs: int
    """Pairs of a user and an item with an event."""
    n_events: tuple[int, ...]
    """Of each type."""
    repeated: tuple[float, ...]
    """Of each type, the share of its events on a pair that had the same type before."""
    seen_before: tuple[float, ...] | None
    """The share on a pair that had an event of any type before; None without timestamps."""
    n_replaced: int
    """Events of an exclusive group that a later one of the pair replaced."""
    types: EventTypes
    notes: tuple[str, ...] = ()
    """How the table was read: what was found out, and what was changed."""

    def by_type(self) -> pl.DataFrame:
        """type, events, share, repeated[, seen_before], repeats: a row for each type."""
        total = max(1, sum(self.n_events))
        columns = {
            "type": self.types.names,
            "events": self.n_events,
            "share": [n / total for n in self.n_events],
            "repeated": self.repeated,
        }
        if self.seen_before is not None:
            columns["seen_before"] = self.seen_before
        return pl.DataFrame({**columns, "repeats": self.types.repeating})

    def lines(self) -> list[str]:
        """The report as lines of text."""
        types = self.types
        lines = [
            f"{self.n_rows:,} rows: {self.n_users:,} users, {self.n_items:,} items, "
            f"{sum(self.n_events):,} events on {self.n_pairs:,} pairs",
            f"{len(types.names)} types: {', '.join(types.names)}",
        ]
        if types.levels is not None:
            rated = {
                types.names[types.kind_types[k]]
                for k, level in enumerate(types.kind_levels)
                if level >= 0
            }
            lines.append(
                f"ratings come with {', '.join(sorted(rated))}: {types.levels.n_levels} levels, "
                f"{types.levels}"
            )
        again = [name for name in types.names if types.repeats(name)]
        once = [name for name in types.names if not types.repeats(name)]
        lines.append(f"may come again on the same item: {', '.join(again) or 'none'}")
        lines.append(f"not again, so not recommended again: {', '.join(once) or 'none'}")
        for group in types.exclusive:
            lines.append(
                "of these the last on an item counts: " + ", ".join(types.labels[k] for k in group)
            )
        if types.exclusive:
            lines.append(f"{self.n_replaced:,} events replaced by a later one of their group")
        if types.targets != types.names:
            lines.append(f"to be predicted: {', '.join(types.targets)}")
        return [*lines, *self.notes]

    def __str__(self) -> str:
        return "\n".join(self.lines())
