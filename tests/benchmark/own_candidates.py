# ruff: noqa: ARG002, T201 - a user's code may ignore arguments and print
"""Candidates as a user would write them: a good one, and every kind of bad one."""

import os
import time

import numpy as np

from conv4rec.baselines import Means, Popularity
from conv4rec.benchmark.adapters.candidate import Candidate, Choice, Range


def _candidate(name, make, tasks=("rank",), **facts):
    rates = "rate" in tasks
    facts = {"distribution": "gaussian" if rates else "none", "folds_in": True} | facts
    return Candidate(name, tasks, make=make, extra=None, **facts)


class _Crashing(Popularity):
    def fit(self, train, validation=None, seed=0):
        raise ValueError("my library\nsays no")


class _Dying(Popularity):
    def fit(self, train, validation=None, seed=0):
        os.abort()


class _Talking(Popularity):
    def fit(self, train, validation=None, seed=0):
        print("epoch 1 of 1")
        os.write(1, b"from the depths of C\n")
        return super().fit(train)


class _Sleeping(Popularity):
    def fit(self, train, validation=None, seed=0):
        time.sleep(600)


class _NaN(Popularity):
    def rank_scores(self, given, rows):
        return np.full((len(rows), given.n_items), np.nan)


class _Unequal(Popularity):
    """Popularity, but with seeds: and better or worse by `taste`."""

    def __init__(self, taste=0.5, size=1, kind="plain"):
        self.taste = taste
        if kind == "broken":
            raise ValueError("this kind is broken")

    def fit(self, train, validation=None, seed=0):
        super().fit(train)
        noise = np.random.default_rng(seed).normal(size=train.n_items)
        self.counts_ = self.counts_ + (self.taste - 0.9) * 5 * noise
        return self


GOOD = _candidate("good", Means, tasks=("rate",), package="numpy", uses_unrated=False)
CRASHING = _candidate("crashing", _Crashing)
DYING = _candidate("dying", _Dying)
TALKING = _candidate("talking", _Talking)
SLEEPING = _candidate("sleeping", _Sleeping)
NAN = _candidate("nan", _NaN)
ABSENT = _candidate("absent", Popularity, package="no-such", module="no_such_module_anywhere")
HOMEBODY = _candidate("homebody", Popularity, folds_in=False)
TUNABLE = _candidate(
    "tunable",
    _Unequal,
    defaults={"taste": 0.5, "size": 1, "kind": "plain"},
    space={
        "taste": Range(0.1, 1.0, log=True),
        "size": Range(1, 4, whole=True),
        "kind": Choice(("plain", "broken")),
    },
)
