"""`conv4rec serve` as a user runs it: workers, signals, mistakes."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from conv4rec import Conv4Rec
from conv4rec.cli import main
from conv4rec.serve import supervisor
from conv4rec.serve.settings import ServeSettings, named_folders

COMMAND = [sys.executable, "-c", "from conv4rec.cli.main import main; main()", "serve"]


@pytest.fixture
def service(folder, tmp_path):
    """A service with one worker: the process, its address, and the folder that it serves."""
    shutil.copytree(folder, tmp_path / "mine")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*COMMAND, str(tmp_path / "mine"), "--port", "0", "--watch", "0"],
            stdout=subprocess.PIPE, stderr=log, text=True,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )  # fmt: skip
        try:
            said = process.stdout.readline()
            yield process, re.search(r"http://\S+:\d+", said).group(), tmp_path
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def get(place, path):
    with urllib.request.urlopen(place + path, timeout=60) as said:
        return json.load(said)


def lines_until(path, message, n=1):
    """Wait until a message stands n times in the log; returns those lines."""
    for _ in range(2_400):  # two minutes: only to end where nothing comes
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        found = [line for line in lines if line["message"] == message]
        if len(found) >= n:
            return found
        time.sleep(0.05)
    pytest.fail(f"{message!r} is not {n} times in the log: {lines}")


def workers_of(process):
    words = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(process.pid)]
    own = subprocess.run(words, capture_output=True, text=True).stdout
    return [int(row.split()[0]) for row in own.splitlines() if "spawn_main" in row]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals on Windows")
def test_workers_end_with_a_supervisor_that_is_killed(service, tmp_path):
    process, place, _ = service
    assert get(place, "/v2/health/ready") == {"ready": True}
    assert list(tmp_path.glob("conv4rec-metrics-*"))
    [worker] = workers_of(process)
    process.kill()
    process.wait()
    for _ in range(2_400):
        if "Z" in state_of(worker):
            assert not list(tmp_path.glob("conv4rec-metrics-*"))
            return
        time.sleep(0.05)
    os.kill(worker, signal.SIGKILL)
    pytest.fail("the worker goes on without its supervisor")


def state_of(pid):
    """The letter of a process's state; "Z" once it has ended."""
    return subprocess.run(["ps", "-o", "stat=", "-p", str(pid)],
                          capture_output=True, text=True).stdout or "Z"  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals on Windows")
def test_a_killed_worker_is_replaced_and_a_newer_model_is_served(service):
    process, place, folder = service
    assert get(place, "/v2/health/ready") == {"ready": True}
    before = get(place, "/v2/models/mine")["versions"]

    workers = workers_of(process)
    assert len(workers) == 1
    os.kill(workers[0], signal.SIGKILL)
    [said] = lines_until(folder / "log", "worker replaced")
    assert said["worker"] == workers[0]
    lines_until(folder / "log", "ready", 2)

    Conv4Rec.load(folder / "mine").set_params(like_threshold=5).save(folder / "mine")
    process.send_signal(signal.SIGHUP)
    reloaded = lines_until(folder / "log", "model reloaded")
    assert {line["before"] for line in reloaded} == set(before)
    assert get(place, "/v1/models")["models"][0]["like_threshold"] == 5

    process.send_signal(signal.SIGTERM)
    assert process.wait() == 0


def test_no_answer_waits_for_an_acknowledgement(folder):
    """Without it, each answer on a kept connection is 40 ms late."""
    settings = ServeSettings(named_folders([str(folder)]), port=0)
    with (
        supervisor.listen(settings) as listening,
        socket.create_connection(listening.getsockname()),
        listening.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize(("has_served", "code"), [(False, 3), (True, 1)])
def test_a_damaged_folder_ends_the_service_only_at_its_start(
    folder, tmp_path, monkeypatch, has_served, code
):
    """uvicorn's supervisor stops all workers on the exit code 3, and replaces one on any other."""
    shutil.copytree(folder, tmp_path / "mine")
    (tmp_path / "mine" / "manifest.json").write_text("{}")
    monkeypatch.setattr(supervisor, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(supervisor.signal, "signal", lambda *_: None)  # this process keeps its own
    monkeypatch.setitem(os.environ, supervisor.HAS_SERVED, "1")
    if not has_served:
        monkeypatch.delitem(os.environ, supervisor.HAS_SERVED)
    settings = ServeSettings(named_folders([str(tmp_path / "mine")]), threads=1)
    with pytest.raises(SystemExit) as ended:
        supervisor.worker_app(settings)
    assert ended.value.code == code


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["{tmp}/none"], "there is no folder"),
        (["{folder}", "--host", "0.0.0.0"], "lets other machines in: give --api-key-file"),
        (["{folder}", "--workers", "0"], "workers must be from 1"),
        (["{folder}", "--threads", "0"], "threads must be from 1"),
        (["{folder}", "--threads", "-2"], "threads must be from 1"),
        (["{folder}", "--port", "99999"], "port must be from 0"),
        (["{folder}", "--api-key-file", "{tmp}/none"], "cannot be read"),
        (["{folder}", "--titles", "{tmp}/none.csv"], "there is no file"),
        (["{tmp}"], "has no manifest.json"),
    ],
)  # fmt: skip
def test_mistakes_are_told_before_anything_is_loaded(folder, tmp_path, capsys, words, sentence):
    filled = [word.format(folder=folder, tmp=tmp_path) for word in words]
    assert main.run(["serve", *filled]) == 2
    assert sentence in capsys.readouterr().err.splitlines()[-1]


def test_without_the_extra_it_says_what_to_install(folder, capsys, monkeypatch):
    monkeypatch.setattr("conv4rec.cli.serve.NEEDED", ("no_such_package",))
    assert main.run(["serve", str(folder)]) == 2
    assert "pip install 'conv4rec[serve]'" in capsys.readouterr().err
