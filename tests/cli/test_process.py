"""What the command line sets for the process: signals, environment, log lines, loaded modules."""

import json
import logging
import signal
import subprocess
import sys

import pytest

from conv4rec.cli import main as cli
from conv4rec.cli.console import log_lines
from conv4rec.cli.stopping import SIGNALS, stop_request


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_a_request_and_the_second_acts(number):
    before = signal.getsignal(number)
    second = []
    signal.signal(number, lambda *_: second.append(number))
    try:
        with stop_request() as request:
            assert not request.is_set()
            signal.raise_signal(number)
            assert request.is_set()
            assert second == []
            signal.raise_signal(number)
            assert second == [number]
    finally:
        signal.signal(number, before)


def test_the_handlers_of_before_are_back_at_the_end():
    before = [signal.getsignal(number) for number in SIGNALS]
    with stop_request():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_log_lines_stand_on_standard_error_off_a_terminal(capfd):
    with log_lines():
        logging.getLogger("conv4rec").info("validation fit 1 of 3")
    logging.getLogger("conv4rec").info("not shown")
    out, err = capfd.readouterr()
    assert (out, err) == ("", "validation fit 1 of 3\n")


def test_threads_wait_passively_unless_told_otherwise(monkeypatch):
    import os

    for before, after in ((None, "PASSIVE"), ("ACTIVE", "ACTIVE")):
        monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
        if before is not None:
            monkeypatch.setenv("OMP_WAIT_POLICY", before)
        cli.run(["--version"])
        assert os.environ["OMP_WAIT_POLICY"] == after
    monkeypatch.delenv("OMP_WAIT_POLICY")


@pytest.mark.parametrize(
    "words",
    [
        ["doctor", "--json"],
        ["evaluate", "--data", "{log}", "--model", "means"],
        ["evaluate", "--data", "{log}", "--model", "means", "--lists"],
        ["quickstart", "--data", "{log}", "--out", "{out}", "{small}"],
    ],
    ids=lambda words: " ".join(words[:1] + words[-1:]),
)
def test_the_product_loads_no_module_of_the_bench(words, log_file, small_words, tmp_path):
    places = {"{log}": [str(log_file)], "{out}": [str(tmp_path / "model")], "{small}": small_words}
    words = [word for each in words for word in places.get(each, [each])]
    code = (
        "import json, sys; from conv4rec.cli import main\n"
        f"code = main.run({words!r})\n"
        "bench = [name for name in sys.modules if name.startswith('conv4rec.benchmark')]\n"
        "print(json.dumps({'code': code, 'bench': bench}))"
    )
    # The map of commands names `bench`, whose modules are loaded when it is called.
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert json.loads(said.stdout.splitlines()[-1]) == {"code": 0, "bench": []}, said.stderr
