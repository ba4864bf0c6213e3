"""A short version of every campaign finds no fault."""

from concurrent.futures.process import BrokenProcessPool

import pytest

from research.campaigns import arguments, blocks, failures, folders, odd, power_cuts, tables
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


def test_odd_tables_are_read_as_they_are_meant_or_refused(capfd):
    outcomes = Outcomes()
    odd.run_odd(range(120), 77, outcomes)
    capfd.readouterr()
    assert outcomes.n_faults == 0, outcomes.faults[:3]
    assert min(outcomes.counts["refused"], outcomes.counts["fitted"]) > 20


def test_power_cuts_leave_the_old_content_or_the_new():
    outcomes = Outcomes()
    power_cuts.run_power_cuts(range(300), 77, outcomes)
    assert outcomes.n_faults == 0, outcomes.faults[:3]
    assert min(outcomes.counts["old"], outcomes.counts["new"]) > 50


def test_failing_calls_leave_the_old_model_or_the_new():
    outcomes = Outcomes()
    failures.run_failures(range(0, 400, 7), 77, outcomes)
    assert outcomes.n_faults == 0, outcomes.faults[:3]
    assert min(outcomes.counts["refused"], outcomes.counts["saved"]) > 2


def test_a_campaign_goes_on_where_it_stopped(tmp_path, monkeypatch):
    """Blocks in the record are not run again; a block whose process dies is counted."""
    record, run = tmp_path / "record.jsonl", []

    def block(_, numbers, __):
        run.append(numbers.start)
        if numbers.start == 2_500 and len(run) == 2:
            raise BrokenProcessPool("it died")
        return {"counts": {"read": len(numbers)}, "peak_mb": 1, "processor_s": 0.1, "faults": []}

    monkeypatch.setattr(blocks, "_in_a_process", block)
    first = blocks.run_campaign("tables", 5_000, 3, record)
    assert (first["counts"], first["n_faults"]) == ({"crash": 1, "read": 2_500}, 1)
    more = blocks.run_campaign("tables", 6_000, 3, record)
    assert (more["n"], more["counts"]["read"], run) == (6_000, 3_500, [0, 2_500, 5_000])


def test_a_fault_is_counted_and_kept():
    outcomes = Outcomes()
    outcomes.guarded(lambda: 1 // 0, 5, "division")
    outcomes.guarded(lambda: (_ for _ in ()).throw(MemoryError()), 6, "memory")
    assert outcomes.n_faults == 2
    assert [fault["seed"] for fault in outcomes.faults] == [5, 6]
    assert "ZeroDivisionError" in outcomes.faults[0]["about"]
