"""A progress bar that shows both losses fall."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from conv4rec.cli.console import err

OnProgress = Callable[[str, int, int, Any], None]


@contextmanager
def progress_bar() -> Iterator[OnProgress]:
    """A callback for `Conv4Rec.fit` that draws a bar on standard error while the context lasts.

    Losses are in nats per hidden interaction: "pick" is -log P(item), "rate" is
    -log P(rating | item). Off a terminal one line is left at the end.
    """
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
            # A task that has stopped before the other has no loss any more.
            pick, rate = (f"{x:.3f}" if x else "done" for x in (now.consume_nll, now.rate_nll))
            losses = f"loss: pick {pick} rate {rate}"
            bar.update(task, description=stage, completed=done, losses=losses)

        yield on_progress
    if not console.is_terminal:
        console.print()
