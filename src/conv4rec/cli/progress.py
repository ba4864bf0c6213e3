"""A progress bar that shows both losses fall."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from conv4rec.cli.console import err

OnProgress = Callable[[str, int, int, Any], None]


@contextmanager
def progress_bar(is_shown: bool = True) -> Iterator[OnProgress | None]:
    """A callback for `Conv4Rec.fit` that draws a bar on standard error; None if not shown.

    Losses are in nats per masked interaction: "consume" is -log P(item), "rate" is
    -log P(rating | item). Off a terminal nothing is drawn but one line at the end.
    """
    if not is_shown:
        yield None
        return
    columns = (
        TextColumn("{task.description:<11}"),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        TextColumn("{task.fields[losses]}"),
        TimeElapsedColumn(),
    )
    console = err()
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("reading", total=1.0, losses="")

        def on_progress(stage: str, number: int, n_stages: int, now: Any) -> None:
            done = (number + now.step / now.n_steps) / n_stages
            # A task that stops before the other has no loss any more.
            consume, rate = (f"{x:.3f}" if x else "done" for x in (now.consume_nll, now.rate_nll))
            bar.update(task, description=stage, completed=done)
            if stage != "users":  # has no losses: those of the training stay
                bar.update(task, losses=f"loss: consume {consume} rate {rate}")

        yield on_progress
    if not console.is_terminal:
        console.print()
