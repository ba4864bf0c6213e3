"""Signals: they ask a training to stop, and end any other command without leaving a file behind."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
SIGNALS = (signal.SIGINT, *ENDING)


class Terminated(BaseException):
    """SIGTERM or SIGHUP: no `except Exception` keeps it from ending the command."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


@contextmanager
def unwound() -> Iterator[None]:
    """SIGTERM and SIGHUP raise `Terminated` inside, so that whatever is open is closed.

    A signal that is ignored, as by nohup, stays ignored.
    """

    def handle(number: int, _: object) -> None:
        raise Terminated(number)

    in_main_thread = threading.current_thread() is threading.main_thread()
    ours = [n for n in ENDING if in_main_thread and signal.getsignal(n) == signal.SIG_DFL]
    for number in ours:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def stop_request() -> Iterator[threading.Event]:
    """An event that the first SIGINT, SIGTERM or SIGHUP sets, unless it is ignored.

    The handlers of before are back after the first signal, so that a second one does what it
    always does, and when the context ends.
    """
    request = threading.Event()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    before = {number: was for number, was in before.items() if was != signal.SIG_IGN}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def handle(*_: object) -> None:
        request.set()
        restore()

    for number in before:
        signal.signal(number, handle)
    try:
        yield request
    finally:
        restore()
