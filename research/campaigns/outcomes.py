"""What a campaign counts."""

from __future__ import annotations

import resource
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conv4rec.errors import Conv4RecError

MOST_FAULTS = 50  # kept with their traceback
FAULTS = ("empty message", "out of memory", "traceback", "files left", "half-written",
          "not bit-equal", "lost", "not finite", "crash", "misread")  # fmt: skip


@dataclass
class Outcomes:
    """Counts of outcomes, and the faults themselves."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[dict[str, Any]] = field(default_factory=list)

    def fault(self, kind: str, seed: Any, about: str) -> None:
        """Count a fault; the first ones are kept."""
        self.counts[kind] += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append({"kind": kind, "seed": seed, "about": about})

    def guarded(self, work: Callable[[], Any], seed: Any, about: str) -> Any:
        """The value of some work; None where it raises one of our errors. All else is a fault."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # ours
                return work()
        except Conv4RecError as error:
            if not str(error).strip():
                self.fault("empty message", seed, about)
        except MemoryError:
            self.fault("out of memory", seed, about)
        except BaseException as error:  # polars panics are no Exception
            if isinstance(error, KeyboardInterrupt):
                raise
            self.fault("traceback", seed, f"{about}: {_where(error)}")
        return None

    @property
    def n_faults(self) -> int:
        """How many faults there were."""
        return sum(self.counts[kind] for kind in FAULTS)

    def record(self) -> dict[str, Any]:
        """Counts, the first faults, and the peak memory of this process and its children, in MB."""
        usage = [resource.getrusage(who).ru_maxrss / 1024
                 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]  # fmt: skip
        counts = dict(sorted(self.counts.items()))
        return {"counts": counts, "peak_mb": round(max(usage)), "faults": self.faults}


def _where(error: BaseException) -> str:
    """An error and its last frames, by the ends of their paths: a record is read elsewhere."""
    frames = [
        f"{'/'.join(Path(frame.filename).parts[-3:])}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)[-3:]
    ]
    return f"{type(error).__name__}: {error} ({', '.join(frames)})"
