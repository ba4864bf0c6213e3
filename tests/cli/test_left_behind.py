"""Nothing is left behind: by signals, by a kill outright, by a training that has ended."""

import os
import signal

import polars as pl
import pytest

from conv4rec.cli.stopping import ENDING, Terminated, unwound
from conv4rec.cli.writing import write_frames

FRAME = pl.DataFrame({"user_id": [1, 1], "item_id": [1, 2]})
posix = pytest.mark.skipif(os.name != "posix", reason="signals and forks are of POSIX")


def frames_then(number):
    """A frame, then a signal to this process, then more."""
    yield FRAME
    os.kill(os.getpid(), number)
    yield FRAME


@pytest.fixture
def undisturbed():
    """Signals end the process, also where the tests were started by nohup, which ignores SIGHUP."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@posix
@pytest.mark.usefixtures("undisturbed")
@pytest.mark.parametrize("number", ENDING)
@pytest.mark.parametrize("name", ["lists.csv", "lists.parquet"])
def test_a_signal_while_writing_leaves_the_old_file_alone(tmp_path, number, name):
    (tmp_path / name).write_bytes(b"old")
    with pytest.raises(Terminated) as ended, unwound():
        write_frames(frames_then(number), str(tmp_path / name))
    assert ended.value.exit_code == 128 + number
    assert signal.getsignal(number) == signal.SIG_DFL
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == b"old"


@posix
@pytest.mark.parametrize("name", ["lists.csv", "lists.parquet"])
def test_what_a_killed_command_left_is_removed_by_the_next(tmp_path, name):
    def killed():
        os.kill(os.getpid(), signal.SIGKILL)
        yield FRAME

    child = os.fork()
    if child == 0:
        write_frames(killed(), str(tmp_path / name))
        os._exit(0)
    os.waitpid(child, 0)
    (left,) = tmp_path.iterdir()
    (tmp_path / f".{name}-other-host-1-x").mkdir()
    write_frames([FRAME], str(tmp_path / name))
    assert not left.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f".{name}-other-host-1-x", name]


@posix
def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with unwound():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_finished_training_leaves_no_state_behind(say, log_file, small_words, tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    words = ("fit", log_file, "--out", tmp_path / "model", *small_words, "--checkpoint", state)
    assert say(*words).code == 0
    assert not state.exists()
    again = say(*words)
    assert again.code == 0
    assert "interrupted" not in again.err


def test_what_a_kill_in_a_first_save_left_is_replaced_by_the_next_fit(say, tmp_path):
    """Parts without a manifest: no model yet, and nothing of anybody else's."""
    log, model = tmp_path / "log.csv", tmp_path / "model"
    FRAME.vstack(pl.DataFrame({"user_id": [2, 2], "item_id": [2, 3]})).write_csv(log)
    words = ("fit", log, "--out", model, "--set", "n_steps=2")
    assert say(*words).code == 0
    (model / "manifest.json").unlink()
    assert say(*words).code == 0
    assert (model / "manifest.json").exists()
    (model / "manifest.json").unlink()
    (model / "letter.txt").write_text("mine")
    told = say(*words)
    assert told.code == 2
    assert "choose a new or empty folder" in told.sentence


def test_a_panic_of_polars_while_a_table_is_written_is_a_sentence(tmp_path):
    def frames():
        yield pl.DataFrame({"user_id": [1]})
        raise pl.exceptions.PanicException("no space")

    with pytest.raises(OSError, match="could not be written: no space"):
        write_frames(frames(), str(tmp_path / "lists.csv"))
    assert list(tmp_path.iterdir()) == []
