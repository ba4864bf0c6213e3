"""The types of events: views, carts, purchases, ratings; and what is known about each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from conv4rec.data.ids import rows_where, shown
from conv4rec.data.levels import Levels
from conv4rec.errors import DataError, SettingError

REPEATING_SHARE = 0.05
"""A type repeats if at least this share of its events is on a pair that had the type before."""
MOST_KINDS = 1_000  # a column with more is no column of types


@dataclass(frozen=True)
class EventTypes:
    """The types of a log, and its kinds: a type or, if a type carries ratings, a type and level.

    Kinds are what a model tells apart; K counts them. Of an exclusive group of kinds a pair has one
    at most, the last: the levels of a scale are such a group, others are stated.

    >>> types = EventTypes.of(["view", "rate"], Levels.given([1, 2]), rated={"rate"})
    >>> types.labels, types.kinds("rate").tolist(), types.exclusive
    (('rate 1', 'rate 2', 'view'), [0, 1], ((0, 1),))
    """

    names: tuple[str, ...]
    """The types, in ascending order."""
    levels: Levels | None
    """The rating scale, if some type carries ratings."""
    kind_types: tuple[int, ...]
    """The type of each kind, as an index into `names`; ascending."""
    kind_levels: tuple[int, ...]
    """The level number of each kind; -1 for a kind without a rating."""
    exclusive: tuple[tuple[int, ...], ...] = ()
    """Groups of kinds of which a pair has one at most."""
    repeating: tuple[bool, ...] = ()
    """Of each type, whether it may come again on the same pair."""
    targets: tuple[str, ...] = ()
    """The types that are to be predicted."""

    @classmethod
    def of(
        cls,
        names: Iterable[str],
        levels: Levels | None = None,
        rated: Iterable[str] = (),
        unrated: Iterable[str] = (),
        exclusive: Sequence[Sequence[str]] = (),
        targets: Sequence[str] | None = None,
    ) -> EventTypes:
        """Describe types by their names.

        Args:
            names: The types, in any order.
            levels: The rating scale.
            rated: Types that carry ratings: they have a kind for each level.
            unrated: Of these, the types that also come without a rating.
            exclusive: Groups of types of which the last counts, such as [["like", "dislike"]].
            targets: The types to predict; by default all.

        Raises:
            DataError: There are too many types to be types.
            SettingError: A group or a target names no type, or a type is in two groups.
        """
        ordered, rated, unrated = tuple(sorted(set(names))), set(rated), set(unrated)
        kinds: list[tuple[int, int]] = []
        for number, name in enumerate(ordered):
            if name not in rated or name in unrated:
                kinds.append((number, -1))
            if name in rated:
                kinds += [(number, level) for level in range(levels.n_levels if levels else 0)]
        if len(kinds) > MOST_KINDS:
            raise DataError(
                f"the column type has {len(ordered):,} different values, such as "
                f"{shown(ordered[0])}: a type says what was done (view, buy, rate); name the "
                "right column with columns={'type': ...}"
            )
        kind_types, kind_levels = zip(*kinds, strict=True) if kinds else ((), ())
        types = cls(ordered, levels if rated else None, kind_types, kind_levels)
        stated = [types.checked(group, "exclusive") for group in exclusive]
        if len(set().union(*stated)) < sum(map(len, stated)):
            raise SettingError("exclusive: a type stands in two groups; join them into one")
        groups = [
            *stated,
            *(
                [name]
                for name in ordered
                if name in rated and not any(name in group for group in stated)
            ),
        ]
        return replace(
            types,
            exclusive=tuple(
                tuple(sorted(k for name in group for k in types.kinds(name).tolist()))
                for group in groups
            ),
            repeating=(False,) * len(ordered),
            targets=ordered if targets is None else types.checked(targets, "targets"),
        )

    @property
    def n_kinds(self) -> int:
        """K, the number of kinds."""
        return len(self.kind_types)

    @property
    def rated(self) -> tuple[str, ...]:
        """The types of which some events carry a rating."""
        numbers, levels = np.asarray(self.kind_types), np.asarray(self.kind_levels)
        return tuple(self.names[number] for number in np.unique(numbers[levels >= 0]))

    @property
    def labels(self) -> tuple[str, ...]:
        """Each kind as short text: "view", "rate 4"."""
        levels = self.levels.labels if self.levels else []
        return tuple(
            self.names[number] + (f" {levels[level]}" if level >= 0 else "")
            for number, level in zip(self.kind_types, self.kind_levels, strict=True)
        )

    def number(self, name: str) -> int:
        """The number of a type.

        Raises:
            SettingError: There is no such type.
        """
        return self.names.index(self.checked([name], "type")[0])

    def kinds(self, name: str) -> np.ndarray:
        """The kinds of a type, int64: one, or one for each level."""
        return np.flatnonzero(np.asarray(self.kind_types) == self.number(name))

    def repeats(self, name: str) -> bool:
        """Whether a type may come again on the same pair."""
        return self.repeating[self.number(name)]

    def with_repeats(
        self, shares: Mapping[str, float], stated: Mapping[str, bool] | None = None
    ) -> EventTypes:
        """The same types, repeating where the share of repeated events is large or it is stated.

        Raises:
            SettingError: `stated` names no type.
        """
        stated = stated or {}
        self.checked(list(stated), "repeats")
        learnt = [
            bool(stated.get(name, shares.get(name, 0.0) >= REPEATING_SHARE)) for name in self.names
        ]
        return replace(self, repeating=tuple(learnt))

    def kind_numbers(self, types: np.ndarray, level_numbers: np.ndarray) -> np.ndarray:
        """The kind of each row, int16, from its type number and level number (-1: no rating).

        Raises:
            DataError: A type has, or lacks, a rating that it never lacked, or had, before.
        """
        n_levels = self.levels.n_levels if self.levels else 0
        lookup = np.full((len(self.names), n_levels + 1), -1, dtype=np.int16)
        lookup[list(self.kind_types), np.asarray(self.kind_levels) + 1] = np.arange(self.n_kinds)
        kinds = lookup[types, level_numbers + 1]
        if (kinds < 0).any():
            row = int(np.argmax(kinds < 0))
            name = shown(self.names[types[row]])
            raise DataError(
                f"type {name} has no rating in {rows_where(kinds < 0)}, and always had one before"
                if level_numbers[row] < 0
                else f"type {name} has a rating in {rows_where(kinds < 0)}, and never had before: "
                "leave it blank"
            )
        return kinds

    def checked(self, names: Sequence[str], what: str) -> tuple[str, ...]:
        """The names as a tuple, all of them types.

        Raises:
            SettingError: One is no type; `what` is the argument that the message names.
        """
        if isinstance(names, str):
            raise SettingError(f"{what} takes a list of types, got {shown(names)}")
        if wrong := [name for name in names if name not in self.names]:
            raise SettingError(
                f"{what}: {shown(wrong[0])} is not a type of this log; they are "
                f"{', '.join(self.names)}"
            )
        return tuple(names)
