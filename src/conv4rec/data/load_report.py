"""The report of loading a log: counts, levels and duplicates."""

from __future__ import annotations

from dataclasses import dataclass

from conv4rec.data.duplicates import POLICIES, DuplicatePolicy
from conv4rec.data.levels import Levels


@dataclass(frozen=True)
class LoadReport:
    """The counts of one load. `print(report)` shows them.

    >>> print(LoadReport(6, 2, 3, 5, 4, 1, 1, "last", Levels((1.0, 2.0))))
    6 rows: 2 users, 3 items, 5 interactions (83.3% of all pairs)
    4 rated, 1 consumed but not rated
    2 rating levels: 1, 2
    1 duplicate row dropped, 1 of them with another rating (the last by timestamp ...)
    """

    n_rows: int
    n_users: int
    n_items: int
    n_interactions: int
    n_rated: int
    n_duplicates: int
    """Rows dropped because another row has the same user and item."""
    n_conflicting: int
    """How many of these have another rating than other rows of the pair."""
    duplicates: DuplicatePolicy
    levels: Levels
    notes: tuple[str, ...] = ()
    """How the table was read: what was found out, and what was changed."""

    @property
    def n_unrated(self) -> int:
        """Number of interactions without a rating."""
        return self.n_interactions - self.n_rated

    @property
    def density(self) -> float:
        """The share of all pairs of a user and an item that are interactions."""
        return self.n_interactions / max(1, self.n_users * self.n_items)

    def lines(self) -> list[str]:
        """The report as lines of text."""
        lines = [
            f"{_count(self.n_rows, 'row')}: {_count(self.n_users, 'user')}, "
            f"{_count(self.n_items, 'item')}, {_count(self.n_interactions, 'interaction')} "
            f"({100 * self.density:.3g}% of all pairs)",
            f"{self.n_rated:,} rated, {self.n_unrated:,} consumed but not rated",
        ]
        if self.n_rated:
            binned = ", bins of a real-valued scale" if self.levels.edges is not None else ""
            levels = _count(self.levels.n_levels, "rating level")
            lines.append(f"{levels}{binned}: {self.levels}")
        else:
            lines.append("no ratings")
        if self.n_duplicates:
            lines.append(
                f"{_count(self.n_duplicates, 'duplicate row')} dropped, {self.n_conflicting:,} of "
                f"them with another rating ({POLICIES[self.duplicates]})"
            )
        else:
            lines.append("no duplicates")
        return [*lines, *self.notes]

    def __str__(self) -> str:
        return "\n".join(self.lines())


def _count(n: int, noun: str) -> str:
    """A number and its noun: "1 row", "2 rows"."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
