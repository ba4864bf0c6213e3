"""Kills at random moments of fit, resume, save and recommend --out: the old content or the new.

Each round runs a command line in a child process and ends it, after a random time, by SIGKILL,
SIGTERM, SIGHUP or SIGINT. Then another child checks what is there. The parent computes nothing,
because the threads of polars do not survive a fork.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from research.campaigns.outcomes import Outcomes

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
SETTINGS = ("n_steps=60", "consume_size=8", "rate_size=4", "consume_reg_factors=[1.0]",
            "mf_sweeps=12", "mf_draws=3", "slim_neighbours=2")  # fmt: skip
SPREAD = 1.1  # the latest signal, in units of what the work takes undisturbed


def in_child(work: Callable[[], int], log: Path) -> int:
    """Start some work in a child process; the process number."""
    child = os.fork()
    if child:
        return child
    code = 70
    with contextlib.suppress(BaseException):
        with log.open("ab") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        code = work()
    os._exit(code)


def ended(child: int) -> int:
    """The exit code of a child; minus the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def command(*words: object) -> Callable[[], int]:
    """A command line to run in a child."""

    def work() -> int:
        from conv4rec.cli.main import run

        return run([str(word) for word in words])

    return work


def fit_words(place: Path, *more: str) -> tuple[object, ...]:
    """The fit that is killed and resumed."""
    changes = [word for setting in SETTINGS for word in ("--set", setting)]
    return ("fit", place / "log.csv", "--out", place / "model", *changes, "--json", *more)


def whole_lists(path: Path) -> Callable[[], int]:
    """Whether a table of lists is there whole: exit code 0, or 1."""

    def work() -> int:
        import polars as pl

        read = pl.read_csv if path.suffix == ".csv" else pl.read_parquet
        return int(read(path).height != N_USERS * K)

    return work


N_USERS, K = 40, 3
KNOWN = {"log.csv", "served", "model", "said", "lists.csv", "lists.parquet"}


def prepare(place: Path) -> int:
    """A log and a model of it, in a child."""
    import numpy as np

    from conv4rec.data.synthetic import two_tribes

    two_tribes(N_USERS).sample(6, np.random.default_rng(0)).to_frame().write_csv(place / "log.csv")
    code = command(*fit_words(place))()
    (place / "model").rename(place / "served")
    return code


def run_kills(numbers: range, seed: int, outcomes: Outcomes) -> None:
    """A kill for each number."""
    import conv4rec.cli.main
    import conv4rec.recommender  # noqa: F401  # loaded once, for all children

    with tempfile.TemporaryDirectory() as name:
        place, log = Path(name), Path(name) / "said"
        started = time.monotonic()
        if code := ended(in_child(lambda: prepare(place), log)):
            raise RuntimeError(f"the first fit ended with {code}: {log.read_text()[-500:]}")
        longest = {"fit": SPREAD * (time.monotonic() - started)}
        expected = weights_in(place / "served")
        for number in numbers:
            rng = random.Random(f"{seed} {number}")
            kind = ("fit", "lists.csv", "lists.parquet")[number % 3]
            if kind not in longest:
                started = time.monotonic()
                ended(in_child(command(*lists_words(place, place / kind)), log))
                longest[kind] = SPREAD * (time.monotonic() - started)
            killer = Killer(log, rng, outcomes, longest[kind])
            if kind == "fit":
                kill_fit(place, killer, number, expected)
            else:
                kill_lists(place, killer, number, kind)
            if "Traceback" in log.read_text(errors="replace"):
                outcomes.fault("traceback", number, log.read_text(errors="replace")[-1500:])
                log.unlink()


def weights_in(folder: Path) -> set[str]:
    """Names of the files of a model; they hold the checksums."""
    return {path.name for path in folder.iterdir()}


@dataclass(frozen=True)
class Killer:
    """Ends work at random moments, at most so many seconds after its start."""

    log: Path
    rng: random.Random
    outcomes: Outcomes
    longest: float

    def kill(self, work: Callable[[], int]) -> int:
        """Run some work in a child and end it; the signal, or 0 if it was done before."""
        number = self.rng.choice(SIGNALS)
        child = in_child(work, self.log)
        time.sleep(self.rng.uniform(0, self.longest))
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)
        code = ended(child)
        self.outcomes.counts[f"{number.name}" if code else "done before the signal"] += 1
        return number if code else 0


def kill_fit(place: Path, killer: Killer, number: int, expected: set[str]) -> None:
    """Kill a fit, resume it (killed again at times), and compare its weights bit by bit."""
    log, rng, outcomes = killer.log, killer.rng, killer.outcomes
    killer.kill(command(*fit_words(place)))
    for again in (True, False):
        if weights_in(place / "model") >= expected if (place / "model").exists() else False:
            break
        state = place / "model.training" / "manifest.json"
        words = fit_words(place, "--resume") if state.exists() else fit_words(place)
        if again and rng.random() < 0.3:
            killer.kill(command(*words))
        elif code := ended(in_child(command(*words), log)):
            outcomes.fault("lost", number, f"resume ended with {code}")
    found = weights_in(place / "model") if (place / "model").exists() else set()
    outcomes.counts["models"] += 1
    if not found >= expected:
        outcomes.fault("not bit-equal", number, f"{sorted(found)} for {sorted(expected)}")
    if (place / "model.training").exists():  # killed between saving the model and removing it
        ended(in_child(command(*fit_words(place, "--resume")), log))
    left = {path.name for path in place.iterdir()} - KNOWN
    if left or found != expected:
        outcomes.fault("files left", number, f"{sorted(left)}")
    for folder in ("model", "model.training"):
        for path in (place / folder).glob("*") if (place / folder).exists() else ():
            path.unlink()


def lists_words(place: Path, out: Path) -> tuple[object, ...]:
    """The command that writes lists."""
    return ("recommend", place / "served", "--all", "-k", K, "--out", out)


def kill_lists(place: Path, killer: Killer, number: int, name: str) -> None:
    """Kill `recommend --out`: the old file or the new one is there, and nothing else."""
    log, outcomes, out = killer.log, killer.outcomes, place / name
    words = lists_words(place, out)
    was = killer.kill(command(*words))
    outcomes.counts["lists"] += 1
    if out.exists() and ended(in_child(whole_lists(out), log)):
        outcomes.fault("half-written", number, name)
    hidden = [path.name for path in place.iterdir() if path.name.startswith(".")]
    if hidden and was != signal.SIGKILL:
        outcomes.fault("files left", number, f"{signal.Signals(was).name}: {hidden}")
    if hidden:
        ended(in_child(command(*words), log))
        hidden = [path.name for path in place.iterdir() if path.name.startswith(".")]
        if hidden:
            outcomes.fault("files left", number, f"after the next command: {hidden}")
