"""The record of a run: its figures, and everything needed to judge and repeat them."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from conv4rec._version import __version__

PACKAGES = ("torch", "numpy", "scipy", "polars")


@dataclass(frozen=True)
class Record:
    """One model, fitted on the training part of one split and measured on its test part."""

    dataset: str
    """Name of the split, such as "ml-100k/u1"."""
    model: str
    seed: int
    metrics: dict[str, float | None]
    """Every metric by name; None where the model has no such part."""
    fit_s: float
    evaluate_s: float
    """Scoring and measuring."""
    score_s: float | None
    """Scoring alone: every item for every test user, and every test pair (see `Stopwatch`); None
    for a log with types."""
    peak_rss_mb: float | None
    """Highest memory of the whole process so far; None where the system does not tell."""
    n_parameters: int | None
    config: dict[str, Any] | None
    """Every setting, and what was chosen on validation."""
    like_threshold: float | None
    """The lowest rating that counts as liked; None for a log with types."""
    sizes: dict[str, int]
    """Users, items, levels, and interactions in training and in the test."""
    versions: dict[str, str] = field(default_factory=lambda: versions())
    machine: dict[str, Any] = field(default_factory=lambda: machine())
    commit: str | None = field(default_factory=lambda: commit())
    finished_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat("T", "seconds"))

    def to_dict(self) -> dict[str, Any]:
        """A flat object for JSON: the metrics stand beside the rest."""
        facts = dict(vars(self))
        metrics = facts.pop("metrics")
        head = {name: facts.pop(name) for name in ("dataset", "model", "seed")}
        return {**head, **metrics, **facts}


def versions() -> dict[str, str]:
    """Versions of conv4rec, of Python and of the packages that figures depend on."""
    found = {"conv4rec": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def machine() -> dict[str, Any]:
    """The machine of the run; `threads` are torch's, None where torch is not loaded."""
    torch: Any = sys.modules.get("torch")
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": cpu_name(),
        "n_cpus": n_cpus(),
        "threads": torch.get_num_threads() if torch else None,
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
    }


def cpu_name() -> str:
    """The processor, as the system names it."""
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.is_file():
        for line in cpu_info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def n_cpus() -> int:
    """How many processors this process may use: not how many the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def peak_rss_mb() -> float | None:
    """The highest memory this process ever held, in MB; None on Windows."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would also count the memory of its parent at the start
        held = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.MULTILINE)
        if held:
            return round(int(held[1]) * 1024 / 1e6, 1)
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return round(peak * unit / 1e6, 1)


def commit() -> str | None:
    """The commit of the checkout that runs, with "+" if files were changed; None if installed."""
    root = Path(__file__).parents[3]
    if not (root / ".git").exists():
        return None
    try:
        said = [
            subprocess.run(
                ["git", "-C", str(root), *words], capture_output=True, text=True, check=True
            ).stdout.strip()
            for words in (["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain"])
        ]
    except (OSError, subprocess.CalledProcessError):
        return None
    return said[0] + ("+" if said[1] else "")
