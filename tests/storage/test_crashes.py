"""A save that is killed, or that the disk fails, leaves the old folder or the new one."""

import errno
import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from conv4rec.errors import SavedModelError
from conv4rec.storage import atomic as durable
from conv4rec.storage.folders import load_folder, save_folder

FACTS = {}


def parts(value):
    return {"weights": {"a": np.full(40_000, value)}, "ids": {"users": np.array([value])}}


def held(folder):
    """The value that all of a saved folder agrees on."""
    loaded, _ = load_folder(folder, "model")
    (value,) = {float(a.max()) for arrays in loaded.values() for a in arrays.values()}
    return value


def has_failed(save, error):
    """Whether a save raises; if so, it must be our error and give the system's reason."""
    try:
        save()
    except SavedModelError as raised:
        return os.strerror(error) in str(raised) or pytest.fail(str(raised))
    return False


@pytest.mark.parametrize("call", ["open", "fdopen", "fsync", "replace"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_failing_disk_is_an_error_and_the_old_folder_stays(tmp_path, monkeypatch, call, error):
    folder = tmp_path / "saved"
    save_folder(folder, "model", parts(1.0), FACTS)
    outcomes = []
    real = getattr(os, call)
    for failing in range(1, 40):
        made = []

        def flaky(*args, made=made, failing=failing, **options):
            made.append(args)
            if len(made) == failing:
                raise OSError(error, os.strerror(error))
            return real(*args, **options)

        with monkeypatch.context() as patch:
            patch.setattr(durable.os, call, flaky)
            if has_failed(lambda: save_folder(folder, "model", parts(2.0), FACTS), error):
                outcomes.append(held(folder))
        if len(made) < failing:
            break
        save_folder(folder, "model", parts(1.0), FACTS)
        assert len(list(folder.iterdir())) == 3  # nothing is left of the failed save
    assert len(outcomes) >= 3
    assert outcomes[0] == 1.0
    assert set(outcomes) <= {1.0, 2.0}


def test_a_full_disk_is_an_error_and_the_old_folder_stays(tmp_path):
    resource = pytest.importorskip("resource")
    folder = tmp_path / "saved"
    save_folder(folder, "model", parts(1.0), FACTS)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:  # the file system itself refuses to write more than this to a file
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        with pytest.raises(SavedModelError, match="could not be written"):
            save_folder(folder, "model", parts(2.0), FACTS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert held(folder) == 1.0
    assert not list(folder.glob(".saving-*"))


KILLED = """
import json, os, random, signal, sys, time
import numpy as np
from conv4rec.storage import atomic as durable, folders as store

folder, files = sys.argv[1], {durable.__file__, store.__file__}

def parts(value):
    return {"weights": {"a": np.full(40_000, value)}, "ids": {"users": np.array([value])}}

def held():
    loaded, _ = store.load_folder(folder, "model")
    return sorted({float(a.max()) for arrays in loaded.values() for a in arrays.values()})

def in_a_child(work):
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    return child

def killed_at_line(n):
    lines = [0]
    def trace(frame, event, _):
        if frame.f_code.co_filename not in files:
            return None
        if event == "line":
            lines[0] += 1
            if lines[0] == n:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace
    sys.settrace(trace)
    store.save_folder(folder, "model", parts(2.0), {})

store.save_folder(folder, "model", parts(1.0), {})
states, line = [], 0
while True:  # killed at the first line that a save runs, the second, ...
    line += 1
    _, status = os.waitpid(in_a_child(lambda: killed_at_line(line)), 0)
    if status == 0:
        break
    states.append(held())
    store.save_folder(folder, "model", parts(1.0), {})
    assert len(os.listdir(folder)) == 3, os.listdir(folder)
rng = random.Random(0)
def save_on_and_on():
    for value in range(3, 1000):
        store.save_folder(folder, "model", parts(float(value)), {})
for _ in range(int(sys.argv[2])):  # killed in the middle of a system call
    child = in_a_child(save_on_and_on)
    time.sleep(rng.uniform(0, 0.03))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    states.append(held())
print(json.dumps([line, states]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked children")
def test_kill_9_at_every_line_of_a_save_leaves_the_old_folder_or_the_new(tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path / "saved"), "60"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    n_lines, states = json.loads(done.stdout)
    assert n_lines > 60
    assert all(len(state) == 1 for state in states)  # never a mixture
    by_line = [state[0] for state in states[: n_lines - 1]]
    assert by_line[0] == 1.0
    assert by_line[-1] == 2.0
    assert by_line == sorted(by_line)  # old up to one moment, new from then on


SAVE_ON = textwrap.dedent("""
    import sys
    import numpy as np
    from conv4rec.storage.folders import load_folder, save_folder
    for n in range(60):
        value = float(sys.argv[2]) + n
        parts = {"weights": {"a": np.full(40_000, value)}, "ids": {"users": np.array([value])}}
        save_folder(sys.argv[1], "model", parts, {})
        loaded, _ = load_folder(sys.argv[1], "model")
        assert loaded["weights"]["a"].max() == loaded["ids"]["users"].max()
""")


@pytest.mark.skipif(os.name != "posix", reason="folders are locked on POSIX only")
def test_two_processes_may_save_to_one_folder_while_a_third_loads_it(tmp_path):
    folder = str(tmp_path / "saved")
    save_folder(folder, "model", parts(1.0), FACTS)
    writers = [
        subprocess.Popen([sys.executable, "-c", SAVE_ON, folder, value], stderr=subprocess.PIPE)
        for value in ("1000", "2000")
    ]
    n_loads = 0
    while any(writer.poll() is None for writer in writers):
        assert held(folder) > 0
        n_loads += 1
    assert n_loads > 20
    for writer in writers:
        _, message = writer.communicate(timeout=120)
        assert writer.returncode == 0, message.decode()
    assert held(folder) in (1059.0, 2059.0)
