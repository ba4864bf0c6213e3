"""The plan of a bench: candidates, data, seeds and budget."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conv4rec.benchmark import records
from conv4rec.benchmark.adapters.candidate import Candidate
from conv4rec.benchmark.job import Budget, Source, command_line


@dataclass(frozen=True)
class Plan:
    """The plan of a bench."""

    source: Source
    candidates: tuple[Candidate, ...]
    """In the order in which they run; popularity is the first."""
    seeds: tuple[int, ...] = (0,)
    budget: Budget | None = None
    """For choosing settings; None for the defaults."""
    settings_from: Path | None = None
    """Records whose tuned settings are used."""
    drop_labels: tuple[float, ...] = (0.0,)
    limit_minutes: float = 60.0
    """For one fit with its measurement."""
    folder: Path = Path("bench-records")
    threads: int | None = None
    also: tuple[str, ...] = ()
    lists: bool = False
    """Whether lists are measured too."""

    @property
    def file(self) -> Path:
        """Where the records go."""
        return records.file_of(self.folder, self.source.name)


def cannot(candidate: Candidate, source: Source) -> str | None:
    """Why a candidate does not take part; None if it does."""
    if not candidate.is_installed():
        return f"not installed; {candidate.how_to_install()}"
    if source.of_new_users and not candidate.folds_in:
        return "cannot serve new users without training again"
    return None


def command(
    plan: Plan, candidate: Candidate, seed: int, share: float, tuned: dict[str, Any] | None
) -> str:
    """The command that repeats one run, with tuned settings read from the records."""
    words = [*plan.source.words(), "--models", candidate.name, "--seeds", "1"]
    words += ["--first-seed", str(seed)] if seed else []
    words += ["--drop-labels", f"{share:g}"] if share else []
    words += ["--threads", str(plan.threads)] if plan.threads else []
    words += ["--lists"] if plan.lists else []
    for place in plan.also:
        words += ["--also", place]
    if tuned:
        on_other = plan.settings_from if tuned["on"] != plan.source.name else None
        words += ["--settings-from", (on_other or plan.file).as_posix()]
    return command_line(words)
