"""A service of our own on the loopback: started, asked, looked at, stopped."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from conv4rec.errors import SettingError

START = "from conv4rec.cli.main import main; main()"


@dataclass
class Service:
    """A running `conv4rec serve`."""

    process: subprocess.Popen[str]
    host: str
    port: int
    ready_after: float
    """Seconds from the start of the command to the first answer."""

    @property
    def workers(self) -> list[int]:
        """The process ids of the workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        pids = [int(pid) for pid in children.read_text().split()]
        return [pid for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def memory_mb(self) -> float:
        """Memory of all workers, in MB; a page that n of them share counts 1/n each (PSS)."""
        return sum(_pss_kb(pid) for pid in self.workers) / 1024

    def processor_seconds(self) -> float:
        """Processor time that the workers have used so far."""
        ticks = 0
        for pid in self.workers:
            numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(numbers[11]) + int(numbers[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def signal(self, number: int) -> None:
        """Send a signal to the supervisor."""
        os.kill(self.process.pid, number)


@contextmanager
def service(folder: str, *options: str) -> Iterator[Service]:
    """Start a service of one model folder at a free port of the loopback, and stop it at the end.

    Raises:
        SettingError: It did not start.
    """
    began = time.monotonic()
    command = [sys.executable, "-c", START, "serve", "--port", "0", folder, *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            said = process.stdout.readline() if process.stdout else ""
            place = re.search(r"http://([\d.]+):(\d+)", said)
            if place is None:
                raise SettingError(f"the service did not start; it said: {said or 'nothing'}")
            found = Service(process, place[1], int(place[2]), 0.0)
            _wait_for_ready(found)
            found.ready_after = time.monotonic() - began
            yield found
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _wait_for_ready(found: Service) -> None:
    import http.client

    while found.process.poll() is None:
        connection = http.client.HTTPConnection(found.host, found.port, timeout=120)
        try:
            connection.request("GET", "/v2/health/ready")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    raise SettingError("the service ended before it was ready")


def _pss_kb(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) if found else 0
