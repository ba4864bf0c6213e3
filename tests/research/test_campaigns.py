"""A short version of every campaign finds no fault."""

import pytest

from research.campaigns import arguments, folders, tables
from research.campaigns.outcomes import Outcomes


@pytest.mark.parametrize(
    ("run", "n"),
    [(folders.run_folders, 120), (tables.run_tables, 300), (arguments.run_arguments, 200)],
    ids=["folders", "tables", "arguments"],
)
def test_a_short_campaign_finds_no_fault(run, n, capfd):
    outcomes = Outcomes()
    run(range(n), 77, outcomes)
    capfd.readouterr()  # polars prints where it panics
    assert outcomes.n_faults == 0, outcomes.faults[:3]
    assert outcomes.counts["refused"] > n // 3
    assert sum(outcomes.counts[kind] for kind in ("loaded", "read", "answered")) > n // 20


def test_a_fault_is_counted_and_kept():
    outcomes = Outcomes()
    outcomes.guarded(lambda: 1 // 0, 5, "division")
    outcomes.guarded(lambda: (_ for _ in ()).throw(MemoryError()), 6, "memory")
    assert outcomes.n_faults == 2
    assert [fault["seed"] for fault in outcomes.faults] == [5, 6]
    assert "ZeroDivisionError" in outcomes.faults[0]["about"]
